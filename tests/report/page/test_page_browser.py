"""The page in a real browser: it opens from the disk, and everything on it works."""

import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from wsol_bench.cli.main import main

pytestmark = pytest.mark.browser

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (320, 390, 768, 1280)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not here")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("Chromium is not here")
    # A process's own root may not use Chromium's sandbox; the page is ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(make_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two runs; the second kept no maps."""
    runs = [make_run("first", seed=2), make_run("second", seed=3, keep_maps=False)]
    out = tmp_path_factory.mktemp("page") / "report.html"
    assert main(["report", *(str(run.path) for run in runs), f"--out={out}", "-q"]) == 0
    return out


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The report, open; afterwards nothing must have been asked for or complained of."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("requestfailed", lambda request: complaints.append(request.url[:99]))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    opened.goto(report.as_uri())
    yield opened
    assert opened.evaluate("window.hacked") is None
    assert complaints == []
    outside = [url for url in requests if not url.startswith(("data:", report.as_uri()))]
    assert outside == []
    context.close()


def cards(page: Any) -> list[str]:
    return page.locator("#gallery-cards .card header p").all_inner_texts()


def picked_ious(page: Any) -> list[float]:
    texts = page.locator("#gallery-cards .picked figcaption").all_inner_texts()
    return [float(text.split("IoU ")[1].split()[0]) for text in texts]


def show_all(page: Any) -> None:
    while page.locator("#gallery-more").is_visible():
        page.locator("#gallery-more").click()


def choose(page: Any, name: str, label: str) -> None:
    page.locator(f"#gallery-controls [name={name}]").select_option(label=label)


def test_pictures_decode_and_stand_in_the_page(page: Any) -> None:
    decoded = page.evaluate(
        """async () => {
            const { images, runs } = JSON.parse(
                document.getElementById("gallery-data").textContent);
            const maps = runs.flatMap((run) => run.cards.flatMap(
                (card) => card.methods.map((method) => method.map).filter(Boolean)));
            const sizes = [];
            for (const uri of [...Object.values(images), ...maps]) {
                const image = new Image();
                image.src = uri;
                await image.decode();
                sizes.push(image.naturalWidth);
            }
            return sizes;
        }"""
    )
    assert len(decoded) > 100
    assert min(decoded) > 10
    assert len(cards(page)) == 12
    panel = page.locator("#gallery-cards figure svg").first.bounding_box()
    assert panel["width"] > 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(page: Any, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = page.evaluate(
        """() => [...document.querySelectorAll("main td, main th, main p, main li, main dd")]
            .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0
                && !each.closest(".wide") && !each.closest("thead, tfoot"))
            .map((each) => each.textContent.trim().slice(0, 60))"""
    )
    assert cut == []


CONTRASTS = """() => {
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const under = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const colour = parse(getComputedStyle(each).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const low = [];
    for (const each of document.querySelectorAll("body *")) {
        const own = [...each.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
        if (!own || !each.getClientRects().length) continue;
        const style = getComputedStyle(each);
        const ink = parse(each instanceof SVGElement ? style.fill : style.color);
        const [a, b] = [light(ink), light(under(each))].sort((x, y) => y - x);
        const size = parseFloat(style.fontSize);
        if ((a + 0.05) / (b + 0.05) < 4.5 || size < 11) {
            low.push([each.textContent.trim().slice(0, 40), (a + 0.05) / (b + 0.05), size]);
        }
    }
    return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_all_text_is_large_and_stands_out(page: Any, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate(CONTRASTS) == []


def test_everything_a_keyboard_can_reach_has_a_name(page: Any) -> None:
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a, [tabindex]")]
            .filter((each) => !(each.textContent.trim() || each.getAttribute("aria-label")
                || (each.labels && each.labels.length)))
            .map((each) => each.outerHTML)"""
    )
    assert nameless == []
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')]"
        ".filter((each) => each.getClientRects().length).map((each) => Number(each.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("main svg[role=img]:not([aria-label])").count() == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))


def column(page: Any, number: int) -> list[str]:
    rows = page.locator(".class-table").first.locator("tbody tr:visible")
    return [row.locator("th, td").nth(number).inner_text() for row in rows.all()]


def test_classes_are_sorted_by_mouse_and_by_keyboard(page: Any) -> None:
    table = page.locator(".class-table").first
    head = table.locator("thead th").nth(4)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    figures = [float(each) for each in column(page, 4)]
    assert figures == sorted(figures, reverse=True)
    assert len(set(figures)) > 2
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(each) for each in column(page, 4)] == sorted(figures)
    name = table.locator("thead th").first
    name.locator("button").focus()
    page.keyboard.press("Space")
    assert name.get_attribute("aria-sort") == "ascending"
    assert head.get_attribute("aria-sort") == "none"
    names = [each.lower() for each in column(page, 0)]
    assert names == sorted(names)


def test_classes_are_searched(page: Any) -> None:
    table = page.locator(".class-table").first
    table.locator("[data-search]").fill("TURTLE")
    assert column(page, 0) == ["box turtle"]
    assert "1 of 7 classes" in table.locator("[data-status]").inner_text()
    table.locator("[data-search]").fill("n00000003")
    assert column(page, 0) == ["shark"]
    table.locator("[data-search]").fill("")
    assert len(column(page, 0)) == 7


def test_the_error_shown_is_chosen_by_keyboard(page: Any) -> None:
    tables = page.locator("table.pairs")
    before = tables.locator("visible=true").first.locator("caption").inner_text()
    assert before.startswith("top-1 loc")
    cells = column(page, 4)
    page.locator("input[name=metric]").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    captions = tables.locator("visible=true").locator("caption").all_inner_texts()
    assert captions
    assert all(caption.startswith("GT-known loc") for caption in captions)
    title = page.locator("[data-metric-title]").first.inner_text()
    assert title == "GT-known loc"
    assert column(page, 4) != cells


def test_the_gallery_is_filtered_and_sorted(page: Any) -> None:
    assert "of 40 images shown" in page.locator("#gallery-status").inner_text()
    choose(page, "method", "MWP")
    choose(page, "order", "IoU, descending")
    show_all(page)
    ious = picked_ious(page)
    assert len(ious) == 40
    assert ious == sorted(ious, reverse=True)
    page.locator("[name=low]").fill(str(ious[30]))
    page.locator("[name=high]").fill(str(ious[10]))
    show_all(page)
    assert picked_ious(page) == [iou for iou in ious if ious[30] <= iou <= ious[10]]
    assert len(picked_ious(page)) < 40
    page.get_by_role("button", name="Reset").click()
    choose(page, "outcome", "class wrong")
    show_all(page)
    outcomes = page.locator("#gallery-cards .picked figcaption").all_inner_texts()
    assert outcomes
    assert all("class wrong" in text for text in outcomes)
    choose(page, "outcome", "any")
    page.locator("#gallery-controls [name=search]").fill("turtle")
    titles = page.locator("#gallery-cards h3").all_inner_texts()
    assert set(titles) == {"box turtle"}
    page.locator("#gallery-controls [name=search]").fill("no such class")
    assert cards(page) == []
    assert "Reset" in page.locator("#gallery-status").inner_text()


def test_sets_show_a_methods_best_and_worst(page: Any) -> None:
    choose(page, "method", "MWP")
    choose(page, "order", "IoU, descending")
    show_all(page)
    ious = picked_ious(page)
    choose(page, "order", "default")
    choose(page, "set", "best of the method")
    assert picked_ious(page) == ious[:6]
    choose(page, "set", "worst of the method")
    assert picked_ious(page) == ious[::-1][:6]
    choose(page, "set", "degenerate maps")
    assert len(cards(page)) == 1
    assert "map: zero" in page.locator("#gallery-cards figcaption").first.inner_text()


def test_more_cards_come_when_asked_and_keep_the_keyboards_place(page: Any) -> None:
    more = page.locator("#gallery-more")
    more.focus()
    page.keyboard.press("Enter")
    assert len(cards(page)) == 24
    focused = page.evaluate("document.activeElement.closest('.card').querySelector('p').innerText")
    assert focused == cards(page)[12]


def test_an_image_is_enlarged_and_leafed_through_by_keyboard(page: Any) -> None:
    button = page.get_by_role("button", name="Enlarge").nth(1)
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#gallery-dialog")
    assert dialog.is_visible()
    shown = cards(page)
    text = dialog.locator("header p")
    assert text.inner_text() == shown[1]
    page.keyboard.press("ArrowRight")
    assert text.inner_text() == shown[2]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # before the first there is none
    assert text.inner_text() == shown[0]
    assert dialog.locator("[data-step='-1']").is_disabled()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert button.evaluate("(each) => each === document.activeElement")
    button.click()
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


def test_leafing_to_the_last_image_keeps_the_keyboards_place(page: Any) -> None:
    choose(page, "set", "worst of the method")
    page.get_by_role("button", name="Enlarge").nth(4).click()
    following = page.locator("#gallery-dialog [data-step='1']")
    following.focus()
    for _ in range(3):
        page.keyboard.press("Enter")
    assert following.get_attribute("aria-disabled") == "true"
    assert following.evaluate("(each) => each === document.activeElement")
    last = page.locator("#gallery-dialog header p").inner_text()
    assert last == cards(page)[5]


def test_the_gallery_follows_the_error_shown(page: Any) -> None:
    choose(page, "method", "MWP")
    choose(page, "outcome", "class wrong")
    assert cards(page)
    page.locator("input[name=metric]").last.check(force=True)
    assert cards(page) == []  # GT-known asks for no class
    assert "GT-known loc" in page.locator("label:has([name=outcome])").inner_text()
    choose(page, "outcome", "right")
    show_all(page)
    ious = picked_ious(page)
    assert ious
    assert min(ious) >= 0.5


@pytest.mark.parametrize("section", ["groups", "failures", "images"])
def test_the_section_that_is_read_stays_where_it_is_under_another_error(
    page: Any, section: str
) -> None:
    top = f"document.getElementById({section!r}).getBoundingClientRect().top"
    page.evaluate(f"scrollTo({{ top: scrollY + {top} - 20, behavior: 'instant' }})")
    # Another height of what is above, as other figures may well have.
    page.add_style_tag(content="[data-metric=gt_known_loc] #pairs { padding-bottom: 700px }")
    before = page.evaluate(top)
    page.locator("input[name=metric]").last.evaluate("(each) => each.click()")
    assert page.evaluate(top) == pytest.approx(before, abs=1)


def test_another_run_keeps_the_method_and_the_outcome(page: Any) -> None:
    choose(page, "method", "Centred box")
    choose(page, "outcome", "too large")
    choose(page, "run", "second")
    chosen = page.evaluate(
        "['method', 'outcome'].map((name) => document.getElementById('gallery-controls')"
        ".elements[name].selectedOptions[0].textContent)"
    )
    assert chosen == ["Centred box", "too large"]


def test_maps_and_boxes_are_hidden_when_asked(page: Any) -> None:
    for name, kind in (("maps", ".overlay"), ("drawn", "g.drawn"), ("truth", "g.truth")):
        layer = page.locator(f"#gallery-cards {kind}").first
        assert layer.is_visible()
        box = page.locator(f"#gallery-controls [name={name}]")
        box.focus()
        page.keyboard.press("Space")
        assert not layer.is_visible()
        page.keyboard.press("Space")
        assert layer.is_visible()


def test_another_runs_gallery_is_shown(page: Any) -> None:
    choose(page, "run", "second")
    assert "of 40 images shown" in page.locator("#gallery-status").inner_text()
    assert page.locator("#gallery-cards .overlay").count() == 0


def test_on_paper_all_is_dark_on_light_and_controls_are_left_out(page: Any) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("#gallery-controls").is_visible()
    assert not page.locator("nav").is_visible()
    assert page.locator("table.errors thead").is_visible()
    choice = page.locator("#gallery-choice")
    assert choice.is_visible()
    assert "first; 12 of 40 images shown; images: all in the gallery" in choice.inner_text()
    across = page.locator("#gallery-cards .panels").first
    columns = across.evaluate("(each) => getComputedStyle(each).gridTemplateColumns.split(' ')")
    assert len(columns) == across.locator("figure").count()
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(27, 28, 30)"


def test_a_phone_shows_one_methods_errors_by_class_and_the_axes_ends(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(reduced_motion="reduce")
    table = page.locator(".class-table").first
    table.locator("[data-method]").select_option(label="MWP")
    heads = table.locator("thead th").locator("visible=true").all_inner_texts()
    assert heads == ["class", "images", "top-1 cls", "MWP"]
    wide = table.locator(".wide")
    assert wide.evaluate("(each) => each.scrollWidth <= each.clientWidth")
    ends = page.evaluate(
        "['::before', '::after'].map((end) => getComputedStyle("
        "document.querySelector('.groups .strip'), end).content)"
    )
    assert ends == ['"0"', '"100"']
    page.evaluate("document.getElementById('failures').scrollIntoView({ behavior: 'instant' })")
    bar = page.locator("nav").bounding_box()
    assert bar["y"] == 0
    assert bar["height"] < 90
    assert page.locator("input[name=metric]").first.is_visible()
    page.locator("nav a").first.click()
    assert page.evaluate("scrollY") == 0


def test_without_scripts_every_figure_is_there(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("table.pairs").locator("visible=true").count() == 9
    assert page.locator(".class-table tbody tr").locator("visible=true").count() == 14
    assert page.locator("noscript").locator("visible=true").count() == 1
    assert not page.locator("#gallery-controls").is_visible()
    context.close()
