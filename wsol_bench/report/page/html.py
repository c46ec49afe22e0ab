"""A page as HTML: its templates, their data, and the formats of numbers."""

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from wsol_bench.analysis.differences import SIGNIFICANCE
from wsol_bench.errors import UsageError
from wsol_bench.report.page.content import Page
from wsol_bench.report.page.gallery import as_json
from wsol_bench.report.page.words import MINUS, signed
from wsol_bench.report.tables.pairs import probability
from wsol_bench.runtime.files import writing_file
from wsol_bench.runtime.names import last_part
from wsol_bench.scoring.catalog import metrics_in, title_of
from wsol_bench.scoring.intervals import Interval

_SECTIONS = (
    ("summary", "In short"),
    ("errors", "Errors"),
    ("facts", "What was measured"),
    ("pairs", "Pairs"),
    ("thresholds", "Thresholds"),
    ("groups", "Sizes"),
    ("failures", "Failures"),
    ("images", "Images"),
    ("classes", "Classes"),
)
"""Anchor and title of each section, in order."""

_SCRIPTS = ("sorting.js", "metric.js", "classes.js", "gallery.js")


def render(page: Page) -> str:
    """The page as HTML.

    Names of classes, images and files are not trusted: all text is escaped, and the
    gallery's JSON has no character that could end its element.
    """
    return filled_in(
        "page.html.j2",
        _SCRIPTS,
        page=page,
        title=_title(page),
        subtitle=_subtitle(page),
        sections=_SECTIONS,
        titles=_titles(page),
        errors=[each.name for each in metrics_in(page.pairs) if each.metric.is_error],
        significance=SIGNIFICANCE,
        several=len(page.views) > 1,
        gallery=Markup(_gallery(page)),
    )


def filled_in(template: str, scripts: Sequence[str], **content: object) -> str:
    """A template with its content, the style and the scripts, so that it loads nothing."""
    environment = Environment(
        loader=PackageLoader("wsol_bench.report.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    style, *code = (Markup(_template_file(name)) for name in ("style.css", *scripts))
    script = Markup("\n").join(code)
    return environment.get_template(template).render(**content, style=style, script=script)


def require_file(out: Path, example: str) -> None:
    """Refuses a folder in the place of a page, before the page is made.

    Raises:
        UsageError: it is a folder; names an example of a file.
    """
    if out.is_dir():
        raise UsageError(f"--out {out}: is a folder; expected a file, such as {example}.")


def write_page(out: Path, text: str) -> None:
    """Writes a page, and the folders above it that do not exist.

    Raises:
        DataError: it cannot be written.
    """
    with writing_file(f"--out {out}"):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")


_LONGEST_TITLE = 60
"""Characters of the networks' names in the title; more do not fit a line."""


def _titles(page: Page) -> Mapping[str, str]:
    """The heading of every metric that the page shows."""
    protocols = [view.run.protocol for view in page.views]
    names = dict.fromkeys((*page.errors.metrics, *page.pairs))
    return {name: title_of(name, protocols) for name in names}


def _title(page: Page) -> str:
    archs = list(dict.fromkeys(view.run.identity.arch for view in page.views))
    names = ", ".join(archs)
    if len(names) > _LONGEST_TITLE:
        names = f"{len(archs)} networks, {len(page.views)} runs"
    return f"Where is the object? {names}"


def _subtitle(page: Page) -> str:
    runs = [view.run for view in page.views]
    data = dict.fromkeys(f"{run.identity.dataset} (n = {run.n:,})" for run in runs)
    protocols = dict.fromkeys(run.protocol.name for run in runs)
    return (
        "Localization errors of networks that were trained on image labels alone. "
        f"Data: {', '.join(data)}. Protocol: {', '.join(protocols)}."
    )


def _gallery(page: Page) -> str:
    """The galleries' data, escaped for a script element."""
    runs = [view.gallery.data for view in page.views if view.gallery]
    text = as_json({"images": dict(page.images), "runs": runs})
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _template_file(name: str) -> str:
    """The text of a style sheet or script."""
    folder = resources.files("wsol_bench.report.page").joinpath("templates")
    return folder.joinpath(name).read_text(encoding="utf-8")


def _percent(value: float, places: int = 2) -> str:
    return f"{value:.{places}f}"


def _interval(interval: Interval) -> str:
    return f"{interval.low:.1f}–{interval.high:.1f}"


def _breakable(name: str) -> Markup:
    """A name that a narrow column may break behind its separators, and nowhere else."""
    return Markup(re.sub(r"[:_/]", r"\g<0><wbr>", str(escape(name))))


FILTERS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {
        "breakable": _breakable,
        "count": lambda number: f"{number:,}",
        "interval": _interval,
        "last_part": last_part,
        "percent": _percent,
        "place": lambda share: f"{share:.2f}",
        "probability": probability,
        "share": lambda value: f"{value:.3g}",
        "signed": signed,
        "tick": lambda value: f"{value:g}".replace("-", MINUS),
    }
)
"""Formats of numbers and names; the templates do no arithmetic on what they print."""
