"""Axes, sets of images, and pictures."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from wsol_bench.protocols.catalog import BoxRule
from wsol_bench.report.page.pictures import MAP_SIDE, THUMBNAIL_SIDES, map_picture, thumbnail
from wsol_bench.report.page.scale import scale_over, strip
from wsol_bench.report.page.sets import PER_SET, Outcomes, sets_of


@pytest.mark.parametrize(
    "values",
    [[57.7, 66.1], [0.0, 100.0], [99.0, 100.0], [0.0], [], [float("nan"), 3.0], [49.9, 50.1]],
)
def test_an_axis_has_round_ends_and_holds_its_values(values: list[float]) -> None:
    scale = scale_over(values)
    assert 0 <= scale.low < scale.high <= 100
    assert scale.high - scale.low >= 20
    assert scale.ticks[0] == scale.low
    assert scale.ticks[-1] == scale.high
    assert 3 <= len(scale.ticks) <= 7
    assert np.allclose(np.diff(scale.ticks), scale.ticks[1] - scale.ticks[0])
    for value in values:
        assert not value < scale.low
        assert not value > scale.high


def test_a_strip_is_in_per_cent_of_its_axis() -> None:
    scale = scale_over([0.0, 100.0])
    drawn = strip(scale, 30.0, 20.0, 45.0, line=50.0, mark=None)
    assert (drawn.at, drawn.left, drawn.width, drawn.line) == (30.0, 20.0, 25.0, 50.0)
    assert drawn.mark is None
    around_zero = scale_over([-3.0, 8.0, 0.0], minimum=-100.0)
    assert around_zero.low < 0 < around_zero.high


def verdicts(n: int, methods: int = 3, seed: int = 0) -> Outcomes:
    random = np.random.default_rng(seed)
    degenerate = np.zeros((methods, n), bool)
    degenerate[0, n // 2] = True
    return Outcomes(
        ious=random.random((methods, n)),
        kinds=random.integers(0, 7, (methods, n)),
        degenerate=degenerate,
        has_map=np.array([True] * (methods - 1) + [False]),
    )


@pytest.mark.parametrize("n", [1, 2, 5, 30, 400])
@pytest.mark.parametrize("limit", [1, 7, 50, 1000])
def test_sets_hold_at_most_the_limit_each_image_once(n: int, limit: int) -> None:
    sets = sets_of(verdicts(n), limit)
    assert len(sets.chosen) == len(set(sets.chosen)) == min(n, limit)
    assert set(sets.chosen) <= set(range(n))


def test_a_small_limit_shortens_every_set_and_drops_none() -> None:
    many = verdicts(1000)
    sets = sets_of(many, 60)
    for places in sets.by_method.values():
        assert all(set(each) & set(sets.chosen) for each in places)
    for name in ("disagree", "degenerate"):
        assert set(sets.across[name]) & set(sets.chosen)
    kinds = {(m, many.kinds[m, place]) for m in range(3) for place in sets.chosen}
    assert kinds >= {(m, kind) for m in range(3) for kind in range(1, 7)}


def test_the_sets_are_what_they_are_called() -> None:
    found = verdicts(300)
    sets = sets_of(found, 200)
    rising = np.sort(found.ious[1])
    best, worst, median = (found.ious[1, list(sets.by_method[s][1])] for s in sets.by_method)
    assert best.tolist() == rising[::-1][:PER_SET].tolist()
    assert worst.tolist() == rising[:PER_SET].tolist()
    assert abs(np.median(median) - np.median(rising)) < 0.02
    spread = np.ptp(found.ious[:2], axis=0)  # the baseline does not count
    assert list(sets.across["disagree"]) == np.argsort(-spread, kind="stable")[:12].tolist()
    assert sets.across["degenerate"] == (150,)
    steps = np.diff(sets.across["sample"])
    assert steps.max() - steps.min() <= 1


def opened(uri: str) -> Image.Image:
    head, data = uri.split(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("size", [(500, 375), (100, 900), (40, 30)])
@pytest.mark.parametrize("side", THUMBNAIL_SIDES)
def test_a_thumbnail_keeps_the_shape_and_is_small(size: tuple[int, int], side: int) -> None:
    image = opened(thumbnail(Image.new("RGB", size, (200, 30, 30)), side))
    assert max(image.size) == min(side, max(size))
    assert image.width / image.height == pytest.approx(size[0] / size[1], rel=0.05)


@pytest.mark.parametrize("rule", [BoxRule(0.15), BoxRule(1.5, reference="mean")])
def test_a_map_is_coloured_exactly_where_it_passes_the_threshold(rule: BoxRule) -> None:
    values = np.random.default_rng(2).random((MAP_SIDE, MAP_SIDE)).astype(np.float32)
    picture = np.asarray(opened(map_picture(values, (50.0, 50.0), rule)).convert("RGBA"))
    reference = values.max() if rule.reference == "max" else values.mean()
    passes = values >= rule.threshold * reference
    assert (picture[..., 3] == 32).any()
    assert np.array_equal(picture[..., 3] > 32, passes)
    peak = np.unravel_index(values.argmax(), values.shape)
    assert picture[peak].tolist()[:3] == [252, 250, 150]


def test_a_brighter_cell_is_a_larger_value() -> None:
    values = np.linspace(0, 1, MAP_SIDE * MAP_SIDE, dtype=np.float32).reshape(MAP_SIDE, MAP_SIDE)
    picture = opened(map_picture(values, (1.0, 1.0), BoxRule(0.2)))
    light = np.asarray(picture.convert("RGB").convert("L")).astype(int).ravel()
    passed = light[values.ravel() >= 0.2]
    assert (np.diff(passed) >= 0).all()


@pytest.mark.parametrize("shape", [(7, 7), (224, 224), (3, 90)])
def test_a_maps_picture_has_the_shape_of_what_it_shows(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert opened(map_picture(values, (375.0, 500.0), BoxRule(0.15))).size == (64, 48)
