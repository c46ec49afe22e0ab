"""The table of metrics: what holds for every entry, options, titles, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from wsol_bench.errors import NotApplicable, UsageError
from wsol_bench.protocols.catalog import PROTOCOLS, BoxRule, Protocol
from wsol_bench.scoring.catalog import METRICS, measure, metrics_in, metrics_of, title_of
from wsol_bench.scoring.measured import Measured, mean, share
from wsol_bench.scoring.metric import Metric, require_read
from wsol_bench.scoring.row_data import RowData

PROTOCOL = PROTOCOLS["gradcam-iccv17"]
FIELDS = {"view", *Protocol.__dataclass_fields__, *BoxRule.__dataclass_fields__}
every_metric = pytest.mark.parametrize("name", METRICS)


def row(n: int, *, maps: bool = True, seed: int = 0) -> RowData:
    """A row of n images of 60 x 40 with one ground-truth box each, an eighth blacklisted."""
    random = np.random.default_rng(seed)
    corners = random.integers(0, 10, (n, 2)).astype(float)
    sides = random.integers(10, 30, (n, 2)) + np.array([20, 0])
    truths = np.concatenate([corners, corners + sides], axis=1)
    stored = random.random((n, 7, 7), np.float32)
    return RowData(
        labels=random.integers(0, 4, n),
        classes=np.array([random.permutation(9)[:5] for _ in range(n)]).reshape(n, 5),
        ious=random.random(n),
        blacklisted=np.arange(n) % 8 == 3,
        image_ids=np.array([f"i{at:04d}" for at in range(n)], dtype=np.str_),
        boxes=truths + random.normal(0, 2, truths.shape),
        true_boxes=truths,
        box_counts=np.ones(n, np.int64),
        sizes=np.tile([40, 60], (n, 1)),
        open_maps=(lambda: iter(stored)) if maps else None,
    )


def measured(name: str, data: RowData, protocol: Protocol = PROTOCOL) -> Measured | None:
    (bound,) = metrics_in([name])
    return bound.measure(data, protocol)


@every_metric
def test_an_entry_is_under_its_own_name_and_reads_fields_that_exist(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name
    assert metric.source
    more = {field for fields in metric.reads_with.values() for field in fields}
    assert {*metric.reads, *more} <= FIELDS


@every_metric
def test_a_figure_lies_in_its_interval_and_is_the_same_when_measured_again(name: str) -> None:
    figure, again = measured(name, row(40)), measured(name, row(40))
    if figure is None:  # it needs masks, which these images have not
        assert "masks" in METRICS[name].needs
        return
    assert figure.n in {35, 40}
    assert figure.low <= figure.value <= figure.high
    assert again == figure


@every_metric
def test_over_no_images_there_is_no_figure_and_no_interval(name: str) -> None:
    figure = measured(name, row(0))
    assert figure is None or (figure.value, figure.interval, figure.n) == (None, None, 0)


@every_metric
def test_the_order_of_the_images_changes_no_figure(name: str) -> None:
    data = row(30)
    order = np.random.default_rng(1).permutation(30)
    maps = list(data.maps())
    shuffled = replace(
        data,
        **{
            field: getattr(data, field)[order]
            for field in (
                *("labels", "classes", "ious", "blacklisted", "image_ids"),
                *("boxes", "true_boxes", "sizes"),
            )
        },
        open_maps=lambda: iter([maps[at] for at in order]),
        answers={},
    )
    one, other = measured(name, data), measured(name, shuffled)
    if one is None or other is None:
        assert one is other
        return
    assert other.value == pytest.approx(one.value)
    assert (other.low, other.high) == pytest.approx((one.low, one.high))


@every_metric
@pytest.mark.parametrize("field", ["iou", "topk", "truth"])
def test_a_field_that_a_metric_does_not_read_changes_nothing(name: str, field: str) -> None:
    (bound,) = metrics_in([name])
    if field in bound.reads:
        return
    changed = replace(PROTOCOL, **{field: {"iou": 0.9, "topk": 2, "truth": "first"}[field]})
    assert measured(name, row(25), changed) == measured(name, row(25))


@pytest.mark.parametrize("name", ["max_box_acc", "max_box_acc_v2"])
def test_max_box_acc_at_the_best_threshold_is_at_least_that_at_the_fixed_one(name: str) -> None:
    data = row(30)
    oracle, fixed = (measured(f"{name}{option}", data) for option in ("", ":threshold=fixed"))
    assert oracle is not None
    assert fixed is not None
    assert oracle.value > fixed.value
    assert oracle.n == fixed.n == 26  # without the blacklist
    assert len(data.answers) == 1  # both from one pass over the maps
    assert fixed.details["thresholds"] == [0.15] * len(fixed.details["thresholds"])


def test_an_image_that_could_not_be_read_is_wrong_for_max_box_acc() -> None:
    data = row(10)
    unread = replace(data, sizes=np.zeros((10, 2), np.int64), answers={})
    for maps in (unread.open_maps, None):
        figure = measured("max_box_acc", replace(unread, open_maps=maps, answers={}))
        assert figure is not None
        assert (figure.value, figure.n) == (0.0, 9)


def test_a_tuned_threshold_is_chosen_on_the_other_row() -> None:
    scored, other = row(30), row(30, seed=5)
    tuned = measured("max_box_acc:threshold=tuned", replace(scored, tuned_on=other))
    best = measured("max_box_acc", other)
    assert tuned is not None
    assert best is not None
    assert tuned.details["thresholds"] == best.details["thresholds"]
    with pytest.raises(UsageError, match="--tune-on"):
        measured("max_box_acc:threshold=tuned", scored)


def test_a_spec_has_only_the_options_that_differ_from_their_defaults() -> None:
    names = [each.name for each in metrics_in("max_box_acc:threshold=oracle, top1_loc")]
    assert names == ["max_box_acc", "top1_loc"]
    assert metrics_in(["max_box_acc:threshold=fixed"])[0].name == "max_box_acc:threshold=fixed"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("top1_lok", r"unknown metric 'top1_lok'. Did you mean top1_loc.*Known: .*max_box_acc"),
        ("max_box_acc:treshold=fixed", "metric max_box_acc: unknown option.*threshold"),
        ("max_box_acc:threshold=best", "expected one of oracle, fixed, tuned"),
        ("top1_loc:k=3", "top1_loc has no options; got k=3"),
        ("top1_loc,top1_loc", "named twice"),
        ("", "at least one metric"),
    ],
)
def test_a_bad_spec_is_refused_with_what_there_is(names: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        metrics_in(names)


def test_a_title_has_the_protocols_k_and_its_iou_where_it_is_not_one_half() -> None:
    assert title_of("top5_loc", [PROTOCOL]) == "top-5 loc"
    twenty = replace(PROTOCOL, topk=20, iou=0.7)
    assert title_of("top5_loc", [twenty]) == "top-20 loc, IoU ≥ 0.7"
    assert title_of("top5_cls", [twenty]) == "top-20 cls"
    assert title_of("top1_cls", [twenty]) == "top-1 cls"
    assert title_of("top5_loc", [PROTOCOL, twenty]) == "top-5 loc / top-20 loc, IoU ≥ 0.7"
    assert title_of("max_box_acc:threshold=fixed", [PROTOCOL]) == "MaxBoxAcc, threshold fixed"


def test_a_change_that_no_metric_reads_is_refused_with_the_fields_that_are_read() -> None:
    require_read(["iou", "view"], metrics_in("top1_loc"))
    with pytest.raises(UsageError, match=r"--set topk: changes none .*\(top1_loc\).*threshold"):
        require_read(["iou", "topk"], metrics_in("top1_loc"))
    with pytest.raises(UsageError, match="--set threshold"):
        require_read(["threshold"], metrics_in("max_box_acc"))
    require_read(["threshold"], metrics_in("max_box_acc:threshold=fixed"))


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_protocols_own_metrics_are_entries_of_the_table(protocol: Protocol) -> None:
    assert [each.name for each in metrics_of(protocol)] == list(protocol.metrics)


def test_a_metric_that_does_not_apply_to_a_row_has_no_figure() -> None:
    def from_maps(row: RowData, protocol: Protocol) -> Measured:
        return mean(np.array([values.max() for values in row.maps()]), row.image_ids)

    bound = Metric("m", "m", "", True, frozenset({"maps"}), (), from_maps, "by hand").bind()
    assert bound.measure(row(5, maps=False), PROTOCOL) is None
    assert bound.measure(row(5), PROTOCOL) is not None
    with pytest.raises(NotApplicable, match="masks"):
        row(5).masks()


def test_measure_takes_the_protocols_list_by_default() -> None:
    found = measure(row(20), PROTOCOL)
    assert tuple(found) == PROTOCOL.metrics
    assert measure(row(20), PROTOCOL, "gt_known_loc") == {"gt_known_loc": found["gt_known_loc"]}


def test_a_share_of_no_counted_image_is_none() -> None:
    assert share(np.array([True]), np.array([False])).value is None


@every_metric
def test_one_image_is_never_printed_as_certain(name: str) -> None:
    figure = metrics_in([name])[0].measure(row(1), PROTOCOL)
    assert figure is None or figure.value is None or figure.low < figure.high


def test_a_bootstrap_without_width_gives_wilsons_interval() -> None:
    def everything(row: RowData, protocol: Protocol) -> Measured:
        return mean(np.full(row.n, 100.0), row.image_ids)

    found = replace(METRICS["mean_best_iou"], compute=everything).bind().measure(row(8), PROTOCOL)
    wilson = share(np.ones(8, np.bool_))
    assert (found.value, found.low, found.high) == (100.0, wilson.low, wilson.high)
    assert found.low == pytest.approx(100 * 8 / (8 + 1.959964**2))


def test_a_bootstrap_without_width_in_another_unit_has_no_interval() -> None:
    def pixels(row: RowData, protocol: Protocol) -> Measured:
        return mean(np.full(row.n, 250.0), row.image_ids)

    entry = replace(METRICS["mean_best_iou"], compute=pixels, unit="pixels")
    assert entry.bind().measure(row(8), PROTOCOL).interval is None
