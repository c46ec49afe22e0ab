"""Options of methods and metrics: the keyword-only parameters of their functions.

A function's signature describes its options: the name, type and default by its
signature, the bounds by `Annotated[float, Between(0, 1)]`, the meaning by its docstring.
"""

import inspect
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from wsol_bench.errors import UsageError, unknown_name

Value = bool | int | float | str | tuple[str, ...] | None
"""The types of an option's value; all can be written as JSON."""


@dataclass(frozen=True, slots=True)
class Between:
    """Bounds of a number, both included.

    Attributes:
        low, high: the bounds.
        what: what the number is, for messages, such as "a share of the map's side".
    """

    low: float
    high: float = math.inf
    what: str = "a number"

    def __str__(self) -> str:
        top = "" if self.high == math.inf else f" to {self.high:g}"
        return f"{self.what}, {self.low:g}{top or ' or more'}"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a method or metric.

    Attributes:
        name: the text before the `=`.
        kind: float, int, bool, str, or tuple for several texts joined with `+`.
        default: the value where the option is not given.
        choices: the values that it may have, or () for any of its kind.
        bounds: of a number, or None.
        text: its meaning.
    """

    name: str
    kind: type
    default: Value
    choices: tuple[Value, ...] = ()
    bounds: Between | None = None
    text: str = ""

    @property
    def expected(self) -> str:
        """The permitted values, in words."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        if self.bounds:
            return str(self.bounds)
        words: Mapping[type, str] = {
            float: "a number",
            int: "a whole number",
            bool: "true or false",
            tuple: "texts joined with +",
        }
        return words.get(self.kind, "a text")

    def read(self, text: str, spec: str) -> Value:
        """The value of a text.

        Args:
            text: the text after the `=`.
            spec: the whole spec, for the message.

        Raises:
            UsageError: it is not of the option's kind or within its bounds.
        """
        try:
            return self._checked(_READERS[self.kind](text))
        except ValueError:
            raise UsageError(f"{spec}: {self.name}={text}: expected {self.expected}.") from None

    def _checked(self, value: Value) -> Value:
        if self.choices and value not in self.choices:
            raise ValueError
        if isinstance(value, int | float) and not isinstance(value, bool):
            bounds = self.bounds or Between(-math.inf)
            if not math.isfinite(value) or not bounds.low <= value <= bounds.high:
                raise ValueError
        return value


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


_READERS: Mapping[type, Callable[[str], Value]] = {
    float: float,
    int: int,
    bool: _bool,
    str: str,
    tuple: lambda text: tuple(text.split("+")),
}


def options_of(function: Callable[..., Any]) -> tuple[Option, ...]:
    """The options of a function: its keyword-only parameters, in order.

    Args:
        function: annotations that are texts are read in the function's own module.

    Raises:
        UsageError: a parameter has no default, or a type that no text can give.
    """
    texts = _described(inspect.getdoc(function) or "")
    space = vars(sys.modules[function.__module__]) if function.__module__ in sys.modules else {}
    return tuple(
        _option(function, each, texts.get(each.name, ""), space)
        for each in inspect.signature(function).parameters.values()
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    )


def _option(
    function: Callable[..., Any], parameter: inspect.Parameter, text: str, space: Mapping[str, Any]
) -> Option:
    where = f"{getattr(function, '__name__', function)}: option {parameter.name}"
    if parameter.default is inspect.Parameter.empty:
        raise UsageError(f"{where}: expected a default value.")
    kind, default = parameter.annotation, parameter.default
    if isinstance(kind, str):
        kind = eval(kind, dict(space))  # the module's own annotation, as typing reads it
    if kind is inspect.Parameter.empty:
        kind = type(default)
    bounds = None
    if get_origin(kind) is Annotated:
        bounds = next((each for each in get_args(kind)[1:] if isinstance(each, Between)), None)
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        kind = next(each for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return Option(parameter.name, type(choices[0]), default, choices, None, text)
    kind = get_origin(kind) or kind
    if kind not in _READERS:
        raise UsageError(
            f"{where}: expected a type of {', '.join(each.__name__ for each in _READERS)}, "
            f"got {kind}."
        )
    return Option(parameter.name, kind, default, (), bounds, text)


def _described(doc: str) -> dict[str, str]:
    """Option -> its description in a docstring's Args, in Google form."""
    found: dict[str, str] = {}
    section = re.search(r"^Args:\n(.*?)(?:^\S|\Z)", doc, re.S | re.M)
    for each in re.finditer(
        r"^ {4}(\w[\w, ]*): (.*(?:\n {8}.*)*)", section[1] if section else "", re.M
    ):
        text = " ".join(each[2].split())
        found |= {name.strip(): text for name in each[1].split(",")}
    return found


def read_options(
    options: tuple[Option, ...],
    given: Iterable[tuple[str, str]],
    spec: str,
    also: tuple[str, ...] = (),
) -> dict[str, Value]:
    """Option -> its value, the defaults included, in the options' order.

    Args:
        options: of the method or metric.
        given: (option, text) pairs.
        spec: the whole spec, for messages.
        also: names that messages list besides.

    Raises:
        UsageError: there is no such option, or a value is not of its kind.
    """
    known = {option.name: option for option in options}
    texts = dict(given)
    for name in texts:
        if name not in known:
            listed = [*known, *also]
            if not listed:
                raise UsageError(f"{spec} has no options; got {name}={texts[name]}.")
            raise UsageError(f"{spec}: {unknown_name('option', name, listed)}")
    return {
        name: option.read(texts[name], spec) if name in texts else option.default
        for name, option in known.items()
    }


def written(value: Value) -> str:
    """A value as a spec writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "+".join(value)
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)
