"""Arguments from Python, checked against the types of the settings they become."""

from typing import Any, Literal, get_args, get_origin

from wsol_bench.errors import UsageError

_WORDS = {
    int: "a whole number, such as 8",
    float: "a number, such as 0.5",
    bool: "True or False",
    str: "a text",
    tuple: "several values, such as [0.485, 0.456, 0.406]",
}
"""Type -> what a message expects."""


def checked(name: str, value: Any, kind: Any) -> Any:
    """A value converted to an argument's type, from equivalent types: lists, NumPy's numbers.

    Args:
        name: of the argument.
        value: as given.
        kind: the type, of plain types, tuples, literals and unions of them.

    Raises:
        UsageError: the value is of another type; states what was expected.

    Example:
        >>> checked("limit", "8", int | None)
        Traceback (most recent call last):
        wsol_bench.errors.UsageError: limit='8': expected a whole number, such as 8, or None.
    """
    import msgspec  # importing it takes a tenth of a second, which commands do not need

    plain = value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError:
        raise UsageError(f"{name}={value!r}: expected {_expected(kind)}.") from None


def _expected(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(repr(each) for each in get_args(kind))
    if get_origin(kind) is tuple or kind in _WORDS:
        return _WORDS[get_origin(kind) or kind]
    choices = [each for each in get_args(kind) if each is not type(None)]
    none = ", or None" if type(None) in get_args(kind) else ""
    return ", or ".join(_expected(each) for each in choices) + none
