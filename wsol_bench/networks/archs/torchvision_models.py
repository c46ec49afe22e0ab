"""`torchvision:NAME`: every classifier of torchvision, with the preprocessing of its weights."""

import inspect
import warnings
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, get_type_hints

from wsol_bench.errors import UsageError, unknown_name
from wsol_bench.networks.archs.entry import NO_ROLES, Arch, Preprocessing, PublishedError, Topology
from wsol_bench.networks.archs.options import plain_options
from wsol_bench.networks.archs.preprocessing import own_crop, torchvision_input
from wsol_bench.specs import Spec

if TYPE_CHECKING:
    from torch import nn

PREFIX = "torchvision"

EDITION = "IMAGENET1K_V1"
"""The edition that `--weights torchvision` loads, where there are several."""

SIDE = 224
_AS_PUBLISHED = {"transform_input": True, "init_weights": False}
"""Arguments that torchvision passes with its published weights, to classes that take them."""


def torchvision_arch(spec: Spec) -> Arch:
    """The arch of `torchvision:NAME`; options go to its builder.

    Raises:
        UsageError: torchvision has no such classifier.
    """
    from torchvision import models  # takes seconds, and most runs need none of it

    name = spec.name.partition(":")[2]
    known = models.list_models(module=models)
    if name not in known:
        raise unknown_name("torchvision classifier", name, known)
    published = models.get_model_weights(name)
    edition = getattr(published, EDITION, None) or published.DEFAULT
    preprocessing = _preprocessing(edition.transforms())
    topology = Topology(
        build=partial(torchvision_net, name, plain_options(spec), side=preprocessing.size),
        roles=NO_ROLES,
        preprocessing=preprocessing,
        published=_error(edition),
        finds_roles=True,
        on_meta=False,
    )
    return Arch(spec.text, spec.text, {PREFIX: topology}, default_weights=PREFIX)


def torchvision_net(
    name: str, options: Mapping[str, Any], classes: int, *, side: int = SIDE
) -> "nn.Module":
    """A classifier of torchvision in evaluation mode, initialised at random.

    Args:
        name: of the builder.
        options: for the builder.
        classes: the number of outputs.
        side: of the input, for networks that are built for one.

    Raises:
        UsageError: its builder refuses the options.
    """
    from torchvision import models  # takes seconds

    builder = models.get_model_builder(name)
    taken = inspect.signature(get_type_hints(builder)["return"]).parameters
    published = {"image_size": side, **_AS_PUBLISHED}
    extra = {key: value for key, value in published.items() if key in taken}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on initial values, which weights replace
            net: nn.Module = builder(num_classes=classes, **{**extra, **options})
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"--arch torchvision:{name}: cannot be built with {dict(options)} ({error})."
        ) from error
    return net.eval()


def _preprocessing(preset: Any) -> Preprocessing:
    plain = torchvision_input(preset.crop_size[0])
    mean, std = tuple(preset.mean), tuple(preset.std)
    crop = own_crop(plain.size, preset.resize_size[0], preset.interpolation.value)
    return Preprocessing(plain.size, plain.order, plain.scale, mean, std, crop)


def _error(edition: Any) -> PublishedError | None:
    accuracy = edition.meta.get("_metrics", {}).get("ImageNet-1K")
    if not accuracy:
        return None
    top1, top5 = (round(100 - accuracy[key], 3) for key in ("acc@1", "acc@5"))
    return PublishedError(top1, top5, f"torchvision {edition}")
