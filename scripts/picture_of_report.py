"""Takes the picture of a report that docs/images/report.jpg is: its errors, and its first image.

    python scripts/picture_of_report.py report.html docs/images/report.jpg

Needs playwright and a Chromium. Give it a report on the demo: images of ImageNet are nobody's
to publish.
"""

import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 1280
"""Of the window, in pixels."""
SPACE = 16
"""Round each part."""
PARTS = (("#errors", "#errors table"), ("#images", "#images article"))
"""From the top of the one to the bottom of the other."""
QUALITY = 80


def main(report: Path, out: Path) -> None:
    """Writes the parts of a report beneath each other."""
    found = next(filter(None, map(shutil.which, CHROMIUM)))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        page.locator(PARTS[-1][-1]).first.wait_for()
        parts = [_part(page, first, last) for first, last in PARTS]
        browser.close()
    sheet = Image.new("RGB", (WIDTH, sum(part.height for part in parts)))
    for number, part in enumerate(parts):
        sheet.paste(part, (0, sum(above.height for above in parts[:number])))
    sheet.save(out, "JPEG", quality=QUALITY, optimize=True)


def _part(page: Page, first: str, last: str) -> Image.Image:
    page.add_style_tag(content="nav { position: static !important; }")
    page.mouse.move(0, 0)
    top, bottom = (page.locator(each).first.bounding_box() for each in (first, last))
    start, end = top["y"] - SPACE, bottom["y"] + bottom["height"] + SPACE
    scrolled = page.evaluate("scrollY")
    clip = {"x": 0, "y": scrolled + start, "width": WIDTH, "height": end - start}
    return Image.open(BytesIO(page.screenshot(full_page=True, clip=clip))).convert("RGB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
