"""Objects that programs pickle beside weights, read without their code.

torch's `weights_only` refuses a whole file because of one object of a class that it does not
know, such as the hyperparameters of Lightning or a configuration of yacs. Here such an object
becomes a plain dict of its items: its class is not imported. A call of any other function could
run code and is refused.
"""

import datetime
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath, PureWindowsPath
from pickle import UnpicklingError
from typing import Any

import numpy as np

Allowed = Callable[..., Any] | tuple[Callable[..., Any], str]
"""What `torch.serialization.safe_globals` takes: an object, or an object and its pickled name."""


class _NeverCalled(type):
    def __call__(cls, *arguments: object) -> Any:
        raise UnpicklingError("a function or class of the file's own would be called")


class _Unread(metaclass=_NeverCalled):
    """Stands in for a class: an object becomes a dict, and a call is refused."""

    def __new__(cls, *arguments: object) -> Any:
        return OrderedDict()


def _dict(*arguments: object) -> dict[Any, Any]:
    return {}


def _list(*arguments: object) -> list[Any]:
    return []


_NUMBERS = (
    *("bool", "float16", "float32", "float64"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)
"""The types of numpy's scalars that are read, such as a best accuracy."""

_HARMLESS: dict[str, Callable[..., Any]] = {
    **{f"{module}.{kind.__name__}": kind for module in ("builtins", "__builtin__")
       for kind in (bool, dict, float, int, list, set, str)},
    **{f"pathlib{local}.{kind}PosixPath": PurePosixPath
       for local in ("", "._local") for kind in ("", "Pure")},
    **{f"pathlib{local}.{kind}WindowsPath": PureWindowsPath
       for local in ("", "._local") for kind in ("", "Pure")},
    "collections.defaultdict": _dict,
    "collections.deque": _list,
    "datetime.date": datetime.date,
    "datetime.datetime": datetime.datetime,
    "datetime.timedelta": datetime.timedelta,
}  # fmt: skip
"""Name in a pickle -> a function that runs no code of the file; containers of other kinds become
plain ones."""


def _of_numpy() -> Iterable[Allowed]:
    scalar: Any = np.float64().__reduce__()[0]
    array: Any = np.zeros(0).__reduce__()[0]
    for core in ("_core", "core"):
        yield scalar, f"numpy.{core}.multiarray.scalar"
        yield array, f"numpy.{core}.multiarray._reconstruct"
    yield np.ndarray
    yield np.dtype
    for name in _NUMBERS:
        yield type(np.dtype(name))


def allowed(names: Iterable[str]) -> list[Allowed]:
    """What may be made of a pickle's names.

    Args:
        names: "module.name" of every class and function that the pickle names; those known
            neither here nor to torch get the stand-in.
    """
    known: list[Allowed] = [Namespace, *_of_numpy()]
    known += [(function, name) for name, function in _HARMLESS.items()]
    taken = {each[1] if isinstance(each, tuple) else _full_name(each) for each in known}
    return known + [(_Unread, name) for name in sorted(set(names) - taken)]


def unread(names: Iterable[str]) -> tuple[str, ...]:
    """Those of a pickle's names that neither torch nor `allowed` knows, sorted."""
    from torch._weights_only_unpickler import _get_allowed_globals

    known = {each[1] if isinstance(each, tuple) else _full_name(each) for each in allowed(())}
    return tuple(sorted(set(names) - known - set(_get_allowed_globals())))


def _full_name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
