"""safetensors and torch files: wild headers, packed parts, other pickles."""

import io
import json
import math
import struct
import warnings
import zipfile
from functools import cache

import torch
from fuzz_bytes import WILD_NUMBERS, any_of, damaged, odd, packed
from hypothesis import strategies as st

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "BOOL": 1, "F8_E4M3": 1, "C64": 8}
NAMES = ("conv.weight", "conv.bias", "fc.weight", "\u00e9\n", "a" * 200)


@st.composite
def safetensors(draw: st.DrawFn) -> bytes:
    entries: dict[str, object] = {}
    end = 0
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3)):
        kind = draw(st.sampled_from(tuple(SIZES)))
        shape = draw(st.lists(st.integers(1, 3), max_size=3))
        start, end = end, end + SIZES[kind] * math.prod(shape)
        entries[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
        if odd(draw, 12):
            key = draw(st.sampled_from(("dtype", "shape", "data_offsets")))
            wild = st.lists(WILD_NUMBERS, max_size=4) | st.sampled_from((None, "U4", "", {}, 1e400))
            entries[name] = {**entries[name], key: draw(wild)}  # type: ignore[dict-item]
    if odd(draw, 12):
        entries["__metadata__"] = draw(st.sampled_from(({"format": "pt"}, {"a": 1}, [], None)))
    text = json.dumps(entries).encode()
    if odd(draw, 20):
        text = draw(st.sampled_from((b"[" * 5000, b'{"a":' * 5000, b"null", b'{"a":1,"a":1}')))
    length = draw(WILD_NUMBERS) % 2**64 if odd(draw, 20) else len(text)
    return struct.pack("<Q", length) + text + bytes(end + (1 if odd(draw, 20) else 0))


@cache
def saved(kind: str) -> bytes:
    """A small state dict as torch writes it."""
    buffer = io.BytesIO()
    state = {"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2).half()}
    torch.save(state, buffer, _use_new_zipfile_serialization=kind == "zip")
    return buffer.getvalue()


@st.composite
def wild_pickle(draw: st.DrawFn) -> bytes:
    """A pickle that declares a length, or calls something that is allowed to be called."""
    number = draw(WILD_NUMBERS)
    if odd(draw, 2):
        return b"\x80\x02X" + packed(number, 4, "low") + b"abc."
    allowed = ("builtins bytearray", "builtins set", "collections Counter", "torch Size")
    module, _, name = draw(st.sampled_from(allowed)).partition(" ")
    argument = b"\x8a\x08" + packed(number, 8, "low")
    return f"\x80\x02c{module}\n{name}\n".encode("latin-1") + argument + b"\x85R."


@st.composite
def packed_anew(draw: st.DrawFn) -> bytes:
    """A torch file whose parts are damaged and whose directory is right."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved("zip"))) as old,
        zipfile.ZipFile(buffer, "w") as new,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # one name twice is meant
        for part in old.infolist():
            name = part.filename + "x" * odd(draw, 40)
            content = old.read(part)
            if odd(draw, 6):
                content = draw(damaged(st.just(content)))
            if name.endswith("data.pkl") and odd(draw, 12):
                content = draw(wild_pickle())
            packing = zipfile.ZIP_DEFLATED if odd(draw, 12) else zipfile.ZIP_STORED
            for _ in range(draw(st.sampled_from((0, 2))) if odd(draw, 25) else 1):
                new.writestr(name, content, packing)
    return buffer.getvalue()


def _torch_files() -> st.SearchStrategy[bytes]:
    return st.deferred(
        lambda: any_of(st.sampled_from([saved("zip"), saved("old")]) | packed_anew())
    )


SAFETENSORS = any_of(safetensors())
TORCH = _torch_files()
