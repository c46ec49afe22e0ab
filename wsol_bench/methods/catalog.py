"""The table of methods; a new one is its file and one line here."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from wsol_bench.errors import UsageError, find
from wsol_bench.methods.backprop import BACKPROP
from wsol_bench.methods.cam import CAM
from wsol_bench.methods.center import CENTER
from wsol_bench.methods.entry import BoundMethod, Method, with_options
from wsol_bench.methods.excitation import C_MWP, MWP
from wsol_bench.methods.grad_cam import GRAD_CAM, GRAD_CAM_OTHER, GRAD_CAM_SHUFFLED
from wsol_bench.methods.options import read_options
from wsol_bench.methods.whole import WHOLE
from wsol_bench.specs import NAME, Spec, parse_spec, short_name

__all__ = ["METHODS"]

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "backprop": BACKPROP,
        "c_mwp": C_MWP,
        "mwp": MWP,
        "grad_cam": GRAD_CAM,
        "cam": CAM,
        "center": CENTER,
        "whole": WHOLE,
        "grad_cam_other": GRAD_CAM_OTHER,
        "grad_cam_shuffled": GRAD_CAM_SHUFFLED,
    }
)


def find_methods(specs: Iterable[str]) -> tuple[BoundMethod, ...]:
    """The rows that some specs ask for, in order, not yet bound to a network.

    Raises:
        UsageError: an unknown method or option, a bad value, or two rows of one name.
    """
    rows = [_row(parse_spec(each)) for each in dict.fromkeys(specs)]
    seen: dict[str, str] = {}
    for spec, row in zip(dict.fromkeys(specs), rows, strict=True):
        if row.name in seen:
            raise UsageError(
                f"--methods: {seen[row.name]} and {spec} would both be the row {row.name}. Give "
                f"one a name of its own: {spec}:name=NAME."
            )
        seen[row.name] = spec
    return tuple(rows)


def _row(spec: Spec) -> BoundMethod:
    method = find("method", spec.name, METHODS)
    given = tuple(pair for pair in spec.options if pair[0] != "name")
    options = read_options(method.options, given, spec.text)
    row = replace(with_options(method, short_name(spec.name), options), spec=spec.text)
    name = dict(spec.options).get("name")
    if name is None:
        return row
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{spec.text}: name={name}: expected at most 60 of the characters A-Z a-z 0-9 _ . + -."
        )
    return replace(row, name=name, title=name)
