"""EigenCAM: feature maps projected on their first principal direction.

The features of one image are taken as a matrix A of (cells, k), not centred. With v_1 its first
right singular vector,

    map = A v_1,

with the sign that makes the map's sum >= 0. No class and no gradient enters. pytorch-grad-cam
centres the features and leaves the sign as the decomposition gives it: its maps are others.

Source: Muhammad and Yeasin, Eigen-CAM: Class Activation Map using Principal Components,
IJCNN 2020, eq. 3. The sign is our convention; the paper leaves it open.
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import MapMethod, features_alone, on_cells

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def eigen_cam(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """One map per image, whatever the class.

    Args:
        forward: a pass over n images.
        layer: the layer of the feature maps, (n, k, u, v).
        classes: not read.

    Returns:
        (n, u, v) float32 of either sign, sum >= 0, not normalised; all zero where the features
        are.
    """
    import torch

    features = on_cells(forward.features(layer), layer)
    matrix = features.flatten(2)  # (n, k, cells): A's transpose
    left, _, _ = torch.linalg.svd(matrix, full_matrices=False)
    maps = torch.einsum("nk,nkuv->nuv", left[:, :, 0], features)
    return torch.where(maps.sum(dim=(1, 2), keepdim=True) < 0, -maps, maps)


EIGEN_CAM = MapMethod(
    name="eigen_cam",
    title="EigenCAM",
    source="Muhammad and Yeasin 2020, eq. 3",
    role="features",
    requests=features_alone,
    maps=eigen_cam,
    knows_class=False,
)
