"""The part of Caffe's file format that holds weights, as protobuf messages.

Described at run time from a table, so that no compiler and no generated file is
needed. Field numbers are those of caffe.proto; the parser skips a field that is
left out here, such as a layer's type and settings.

    NetParameter      layers = 2 (V1), layer = 100 (V2)
    V1LayerParameter  name = 4, blobs = 6
    LayerParameter    name = 1, blobs = 7
    BlobProto         num, channels, height, width = 1..4 (old sizes), data = 5,
                      shape = 7, double_data = 8
    BlobShape         dim = 1

Names are bytes, since a damaged one need not be UTF-8. The packed arrays are
bytes as well: on the wire they are, and as one piece they become an array without
a Python object for every number.
"""

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "wsol_bench.caffe"

_FIELD = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _FIELD.LABEL_OPTIONAL, _FIELD.LABEL_REPEATED

# message -> field -> (number, label, scalar type or message)
_MESSAGES: dict[str, dict[str, tuple[int, Any, Any]]] = {
    "BlobShape": {"dim": (1, _MANY, _FIELD.TYPE_INT64)},
    "BlobProto": {
        "num": (1, _ONE, _FIELD.TYPE_INT32),
        "channels": (2, _ONE, _FIELD.TYPE_INT32),
        "height": (3, _ONE, _FIELD.TYPE_INT32),
        "width": (4, _ONE, _FIELD.TYPE_INT32),
        "data": (5, _MANY, _FIELD.TYPE_BYTES),
        "shape": (7, _ONE, "BlobShape"),
        "double_data": (8, _MANY, _FIELD.TYPE_BYTES),
    },
    "UnpackedBlob": {
        "data": (5, _MANY, _FIELD.TYPE_FLOAT),
        "double_data": (8, _MANY, _FIELD.TYPE_DOUBLE),
    },
    "V1LayerParameter": {
        "name": (4, _ONE, _FIELD.TYPE_BYTES),
        "blobs": (6, _MANY, "BlobProto"),
    },
    "LayerParameter": {
        "name": (1, _ONE, _FIELD.TYPE_BYTES),
        "blobs": (7, _MANY, "BlobProto"),
    },
    "NetParameter": {
        "layers": (2, _MANY, "V1LayerParameter"),
        "layer": (100, _MANY, "LayerParameter"),
    },
}


def new_message(name: str) -> Any:
    """An empty message: "NetParameter", or "UnpackedBlob" to read loose numbers."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))()


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(
        name="wsol_bench/caffe.proto", package=PACKAGE, syntax="proto2"
    )
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for name, (number, label, kind) in fields.items():
            field = message.field.add(name=name, number=number, label=label)
            if isinstance(kind, str):
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
            else:
                field.type = kind
    # A pool of our own: another package may have registered Caffe's messages.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
