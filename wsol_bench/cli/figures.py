"""The commands that draw: parse, call, print."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from wsol_bench.cli.values import Rows, method_specs, rows_asked
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL
from wsol_bench.runtime.flag_values import PATH, WHOLE
from wsol_bench.settings import RunSettings


def show(
    image: Annotated[Path, PATH],
    /,
    *,
    arch: str | None = None,
    weights: str | None = None,
    methods: Annotated[list[str] | None, Parameter(negative=())] = None,
    asked: Annotated[str | None, Parameter("--class")] = None,
    protocol: str = DEFAULT_PROTOCOL,
    change: Annotated[list[str] | None, Parameter("--set", negative=())] = None,
    device: str = "auto",
    out: Annotated[Path | None, PATH] = None,
    width_in: float | None = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Show the five best classes of a single image, and where each method localizes each.

    For example:
        wsol-bench show photo.jpg --arch vgg16 --methods grad_cam,c_mwp --class tabby

    Parameters
    ----------
    image
        A JPEG, PNG, BMP, GIF or WebP file. No dataset is needed.
    arch
        The network (see: list archs).
    weights
        As in `run`; default: torchvision's, which are downloaded once. demo: small
        nets trained on rendered images, whose output for a photograph means nothing.
    methods
        Comma-separated specs NAME[:option=value]... (see: list methods).
    asked
        Draw this class instead of the best: an index, a WNID, or a name or part of it.
    protocol
        View and box rule (see: list protocols), or a TOML file of one.
    change
        FIELD=VALUE: replace a field of the protocol, such as threshold=0.2. May be repeated.
    device
        auto, cpu, cuda, cuda:1, mps.
    out
        The figure's file, .png, .svg or .pdf; default: IMAGE-ARCH.png in this folder.
    width_in
        Width of the figure in inches; default: 1.8 per panel.
    as_json
        One JSON object on stdout instead of the tables.
    """
    settings = RunSettings(
        arch=arch,
        weights=weights,
        methods=method_specs(methods),
        protocol=protocol,
        set=tuple(change or ()),
        device=device,
    )
    settings.require_arch()
    from wsol_bench.report.figures.single_image import print_show

    print_show(image, settings, asked, out, width_in, as_json=as_json)


def figure(
    run: Annotated[Path, PATH],
    /,
    *,
    images: str = "worst",
    methods: Rows = None,
    data: str | None = None,
    out: Annotated[Path, PATH] = Path("figure.pdf"),
    width_in: float = 6.875,
    seed: Annotated[int, WHOLE] = 0,
) -> None:
    """Draw a paper's panel from a run: rows of images, columns of methods.

    Maps need a run that was made with --keep-maps. Boxes and words stay vectors in PDF,
    which embeds its fonts, and in SVG, whose words are outlines and need none.

    For example:
        wsol-bench figure RUN --images worst:3,random:2 --out figure.pdf

    Parameters
    ----------
    run
        The run's folder.
    images
        Comma-separated image ids, or sets with :N for their number, such as worst:3,random:5.
        best, worst and median are by the mean IoU of the methods that make maps; disagree is
        where their IoUs differ most, degenerate where a map is zero or constant. Outcomes of
        `breakdown` are sets too, such as class-wrong or too-small:2: under any of the methods.
    methods
        Comma-separated names of rows; default: all of the run's.
    data
        The images' folder or tar. Default: the path that the run recorded.
    out
        The figure's file: .pdf, .svg or .png.
    width_in
        Width in inches: 6.875 is the text width of a two-column page, 3.25 one column.
    seed
        Seed of the set random.
    """
    from wsol_bench.report.figures.figure import FigureOptions, print_figure

    options = FigureOptions(images, rows_asked(methods), data, width_in, seed)
    print_figure(run, options, out)
