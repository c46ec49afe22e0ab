"""How alike two maps of one image are: rank correlation and SSIM."""

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]

WINDOW = 7
"""Side of SSIM's uniform window, or of the map where that is smaller."""


def rank_correlation(one: Maps, other: Maps) -> float:
    """Spearman's rank correlation of two maps, neither of them constant."""
    from scipy.stats import rankdata

    return float(np.corrcoef(rankdata(one.ravel()), rankdata(other.ravel()))[0, 1])


def ssim(one: Maps, other: Maps) -> float | None:
    """SSIM of two maps scaled to 0..1, neither of them constant; None of a map below 3 x 3."""
    from skimage.metrics import structural_similarity

    window = min(WINDOW, *one.shape)
    window -= 1 - window % 2  # an odd side
    if window < 3:
        return None
    scaled = ((each - each.min()) / np.ptp(each) for each in (one, other))
    return float(
        structural_similarity(*scaled, win_size=window, data_range=1.0)  # type: ignore[no-untyped-call]
    )
