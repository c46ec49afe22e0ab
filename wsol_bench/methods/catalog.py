"""The table of methods; a new one is its file and one line here."""

from collections.abc import Mapping
from types import MappingProxyType

from wsol_bench.methods.backprop import BACKPROP
from wsol_bench.methods.cam import CAM
from wsol_bench.methods.center import CENTER
from wsol_bench.methods.entry import Method
from wsol_bench.methods.excitation import C_MWP, MWP
from wsol_bench.methods.grad_cam import GRAD_CAM, GRAD_CAM_OTHER, GRAD_CAM_SHUFFLED
from wsol_bench.methods.whole import WHOLE

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
