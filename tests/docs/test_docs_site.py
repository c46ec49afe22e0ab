"""The site that Sphinx makes of docs/: no warning, whole, and readable from the disk."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import wsol_bench
from wsol_bench.cli.main import app

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (390, 1280)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    out = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(DOCS), str(out / "html")],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return out / "html"


class Loads(HTMLParser):
    """What a browser fetches on its own when it opens a page; links are not among it."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.places.append(given["href"])
        elif tag in ("script", "img", "iframe", "source"):
            self.places += [given["src"]] if "src" in given else []


def test_no_page_asks_a_server_for_anything(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert loads.places
        for place in loads.places:
            assert not re.match(r"[a-z]+:|//", place), f"{page.name} loads {place}"
            assert (page.parent / place.partition("?")[0]).is_file(), f"{page.name}: {place}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\s*['\"]?(?:https?:)?//", sheet.read_text("utf-8"))


def test_every_page_of_docs_is_on_the_site(site: Path) -> None:
    sources = [*DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb")]
    for source in sources:
        assert (site / source.relative_to(DOCS)).with_suffix(".html").is_file(), source.name


def test_the_notebook_s_page_shows_its_tables_and_figures(site: Path) -> None:
    page = (site / "notebooks/demo.html").read_text(encoding="utf-8")
    shown = page.split('<div class="notebook-output">')[1:]
    assert len(shown) == 6
    pictures = re.findall(r'<img alt="[^"]+" src="(\.\./_images/demo-[^"]+)"', page)
    assert len(pictures) == 2
    for picture in pictures:
        assert (site / "notebooks" / picture).read_bytes().startswith(b"\xff\xd8")
    assert "Grad-CAM" in shown[0]
    assert "gt_known_loc" in shown[1]


def test_the_api_has_every_public_name(site: Path) -> None:
    pages = "".join(page.read_text("utf-8") for page in (site / "api").glob("*.html"))
    for name in wsol_bench.__all__:
        assert re.search(rf'id="wsol_bench\.(?:errors\.)?{name}"', pages), name


def test_every_command_and_flag_is_described(site: Path) -> None:
    text = re.sub(r"<[^>]+>", "", (site / "commands.html").read_text(encoding="utf-8"))
    assert ".. _" not in text
    assert "sphinx" not in text.partition("Made with")[0].partition("Exit codes")[2]
    for name in app:
        if not name.startswith("-") and app[name].default_command is not None:
            assert f"wsol-bench {name}" in text
            for argument in app[name].assemble_argument_collection():
                # "*" is a class of flags, which are arguments of their own.
                flags = [each for each in argument.names if each != "*"]
                assert all(each in text for each in flags), flags


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not here")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("Chromium is not here")
    # A process's own root may not use Chromium's sandbox; the pages are ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=arguments)
        yield opened
        opened.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_open_from_the_disk_and_the_search_finds(
    site: Path, browser: Any, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for source in site.rglob("*.html"):
        page.goto(source.as_uri())
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{source.name} is {wider} pixels wider than a screen of {width}"
    page.goto(f"{(site / 'search.html').as_uri()}?q=McNemar")
    page.wait_for_selector("#search-results ul.search li a")
    found = page.locator("#search-results ul.search li a").all_inner_texts()
    assert any("Protocols and metrics" in each for each in found)
    assert complaints == []
    assert [url for url in requests if not url.startswith(site.as_uri())] == []
