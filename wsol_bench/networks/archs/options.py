"""The options of an arch's spec, which are passed on to the function that builds it."""

from ast import literal_eval
from typing import Any

from wsol_bench.specs import Spec


def plain_options(spec: Spec) -> dict[str, Any]:
    """Option -> value; a Python literal is parsed, anything else stays text."""
    return {key: _value(text) for key, text in dict(spec.options).items()}


def _value(text: str) -> Any:
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text
