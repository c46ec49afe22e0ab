"""The forms of `--weights`, with their topologies and descriptions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """One form of `--weights`.

    Attributes:
        topology: which topology of an arch the weights are for; "" for the arch's own.
        text: description of the weights.
    """

    topology: str
    text: str


PATH = "PATH"
WITHOUT_WEIGHTS = "none"

FORMS = {
    "torchvision": Form("torchvision", "torchvision's IMAGENET1K_V1, downloaded by torch.hub"),
    "timm": Form("timm", "timm's published file, downloaded by huggingface_hub"),
    "demo": Form("demo", "the weights that the package contains"),
    "demo:PATH": Form("demo", "a .safetensors of the demo's topology"),
    "caffe:PATH": Form("caffe", "a .caffemodel, in the topology of the original Caffe network"),
    WITHOUT_WEIGHTS: Form("", "no file: the module as the user's factory returns it, or untrained"),
    PATH: Form("", "a state dict or checkpoint of any suffix, or a folder of Hugging Face's"),
    "PATH:entry=NAME": Form("", "one of the several state dicts of a checkpoint"),
    "PATH:prefix=TEXT": Form("", "a state dict whose names begin with TEXT, which is stripped"),
}
"""Form -> its entry. The text before a colon is the scheme."""
