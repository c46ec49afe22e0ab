"""The table of methods; a new one is its file and one line here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from wsol_bench.errors import UsageError, unknown_name
from wsol_bench.methods.ablation_cam import ABLATION_CAM
from wsol_bench.methods.attention_rollout import ATTENTION_ROLLOUT
from wsol_bench.methods.backprop import BACKPROP
from wsol_bench.methods.bound import BoundMethod, with_options
from wsol_bench.methods.cam import CAM
from wsol_bench.methods.center import CENTER
from wsol_bench.methods.eigen_cam import EIGEN_CAM
from wsol_bench.methods.entry import Method
from wsol_bench.methods.excitation import C_MWP, MWP
from wsol_bench.methods.from_captum import from_captum
from wsol_bench.methods.from_pytorch_grad_cam import from_pytorch_grad_cam
from wsol_bench.methods.from_torchcam import from_torchcam
from wsol_bench.methods.from_zennit import from_zennit
from wsol_bench.methods.grad_cam import GRAD_CAM, GRAD_CAM_OTHER, GRAD_CAM_SHUFFLED
from wsol_bench.methods.grad_cam_pp import GRAD_CAM_PP
from wsol_bench.methods.gradient_attention import GRADIENT_ATTENTION
from wsol_bench.methods.guided_grad_cam import GUIDED_GRAD_CAM
from wsol_bench.methods.hires_cam import HIRES_CAM
from wsol_bench.methods.input_x_gradient import INPUT_X_GRADIENT
from wsol_bench.methods.integrated_gradients import INTEGRATED_GRADIENTS
from wsol_bench.methods.layer_cam import LAYER_CAM
from wsol_bench.methods.occlusion import OCCLUSION
from wsol_bench.methods.own import from_function, from_spec
from wsol_bench.methods.prior import PRIOR
from wsol_bench.methods.random_box import RANDOM_BOX
from wsol_bench.methods.rise import RISE
from wsol_bench.methods.ruled_backprop import DECONVNET, GUIDED_BACKPROP
from wsol_bench.methods.score_cam import SCORE_CAM
from wsol_bench.methods.smooth_grad import SMOOTH_GRAD
from wsol_bench.methods.stored_boxes import stored_boxes
from wsol_bench.methods.stored_maps import stored_maps
from wsol_bench.methods.tscam import TSCAM
from wsol_bench.methods.whole import WHOLE
from wsol_bench.methods.xgrad_cam import XGRAD_CAM
from wsol_bench.runtime.user_code import names_user_code
from wsol_bench.specs import NAME, Spec, parse_spec, short_name
from wsol_bench.specs.options import read_options

__all__ = ["METHODS"]

OWN = (
    "Your own: FILE.py:FUNCTION or package.module:FUNCTION; maps:DIR and boxes:FILE take the "
    "output of another program; captum:NAME, pytorch_grad_cam:NAME, torchcam:NAME and "
    "zennit:COMPOSITE are methods of other libraries."
)

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "backprop": BACKPROP,
        "guided_backprop": GUIDED_BACKPROP,
        "deconvnet": DECONVNET,
        "input_x_gradient": INPUT_X_GRADIENT,
        "guided_grad_cam": GUIDED_GRAD_CAM,
        "smooth_grad": SMOOTH_GRAD,
        "integrated_gradients": INTEGRATED_GRADIENTS,
        "occlusion": OCCLUSION,
        "rise": RISE,
        "c_mwp": C_MWP,
        "mwp": MWP,
        "grad_cam": GRAD_CAM,
        "grad_cam_pp": GRAD_CAM_PP,
        "xgrad_cam": XGRAD_CAM,
        "hires_cam": HIRES_CAM,
        "layer_cam": LAYER_CAM,
        "eigen_cam": EIGEN_CAM,
        "score_cam": SCORE_CAM,
        "ablation_cam": ABLATION_CAM,
        "cam": CAM,
        "attention_rollout": ATTENTION_ROLLOUT,
        "gradient_attention": GRADIENT_ATTENTION,
        "tscam": TSCAM,
        "center": CENTER,
        "whole": WHOLE,
        "random_box": RANDOM_BOX,
        "prior": PRIOR,
        "grad_cam_other": GRAD_CAM_OTHER,
        "grad_cam_shuffled": GRAD_CAM_SHUFFLED,
    }
)

PREFIXES: Mapping[str, Callable[[str], Method]] = MappingProxyType(
    {
        "maps": stored_maps,
        "boxes": stored_boxes,
        "captum": from_captum,
        "pytorch_grad_cam": from_pytorch_grad_cam,
        "torchcam": from_torchcam,
        "zennit": from_zennit,
    }
)
"""Text before the first colon -> the function that makes a method of the whole name."""


def find_method(name: str) -> Method:
    """The method of a name, of `maps:DIR` or another of `PREFIXES`, or of a user's function.

    Raises:
        UsageError: there is none; lists the nearest names, and how to give one's own.
    """
    if name in METHODS:
        return METHODS[name]
    prefix, colon, rest = name.partition(":")
    if colon and rest and prefix in PREFIXES:
        return PREFIXES[prefix](name)
    if names_user_code(name):
        return from_spec(name)
    raise UsageError(f"{unknown_name('method', name, METHODS)} {OWN}")


def find_methods(specs: Iterable[object]) -> tuple[BoundMethod, ...]:
    """The rows of some specs, in order, not yet bound to a network.

    Raises:
        UsageError: an unknown method or option, a bad value, or two rows of one name.
    """
    specs = _once(specs)
    rows = [_row(parse_spec(each)) if isinstance(each, str) else _given(each) for each in specs]
    seen: dict[str, object] = {}
    for spec, row in zip(specs, rows, strict=True):
        if row.name in seen:
            raise UsageError(
                f"--methods: {seen[row.name]} and {spec} would both be the row {row.name}. Give "
                f"one a name of its own: {spec}:name=NAME."
            )
        seen[row.name] = spec
    return tuple(rows)


def _once(specs: Iterable[object]) -> list[object]:
    """Each spec or object once, in order; objects need not be hashable."""
    found: list[object] = []
    for each in specs:
        if each not in found:
            found.append(each)
    return found


def _given(method: object) -> BoundMethod:
    """The row of an object from Python: a method, bound or not, or a function."""
    if isinstance(method, BoundMethod):
        return replace(method, spec=method)
    found = method
    if not isinstance(found, Method):
        if not callable(found):
            raise UsageError(f"methods: {found!r}: expected a spec, a function or a method.")
        found = from_function(found)
    row = with_options(found, found.name, read_options(found.options, (), found.name))
    return replace(row, spec=method)


def _row(spec: Spec) -> BoundMethod:
    method = find_method(spec.name)
    given = tuple(pair for pair in spec.options if pair[0] != "name")
    options = read_options(method.options, given, spec.text, also=("name",))
    row = replace(with_options(method, short_name(spec.name), options), spec=spec.text)
    name = dict(spec.options).get("name")
    if name is None:
        return row
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{spec.text}: name={name}: expected at most 60 of the characters A-Z a-z 0-9 _ . + -."
        )
    return replace(row, name=name, title=name)
