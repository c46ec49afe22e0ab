"""The documentation's commands work: each is executed exactly as printed on its page.

The ```sh blocks of a page are executed in order, in a separate folder for each page. The reader's
files are replaced as follows:

- The demo has `DEMO_IMAGES` images instead of 1,000, in a cache folder of the tests.
- `PATH/TO/ilsvrc-val` contains three demo images in ILSVRC's layout, `PATH/TO/weights` networks of
  BVLC's topologies with random weights. Two of the three images have the label that the GoogLeNet
  predicts, so that `--gate` measures the expected error.
- `cat.jpg` is a demo image.
- `SHORTER` reduces a number. `NOT_RUN` lists commands that are not executed, with the reason.
- A block with a title that is no file of the package is a file in the page's folder.

Commands of the package run inside this process, because each start would take seconds. On every
page, including those whose commands take too long, each command must be accepted by the parser.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from cyclopts import App, CycloptsError

from wsol_bench.cli.main import _complete_gate, app, main
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.demo import DEFAULT_SEED, write
from wsol_bench.datasets.named import demo_folder
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.weights.caffe_format import new_message

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").rglob("*.md"))]

QUICK = ["README.md", "docs/index.md", "docs/tutorial.md"]
SLOW = [
    "docs/demo.md",
    "docs/how-to/add-a-dataset.md",
    "docs/how-to/add-a-method.md",
    "docs/how-to/add-a-protocol.md",
    "docs/how-to/add-an-arch.md",
    "docs/how-to/clip-and-dinov2.md",
    "docs/how-to/inspect-a-run.md",
    "docs/how-to/regression-in-ci.md",
    "docs/how-to/use-your-method.md",
    "docs/how-to/use-your-network.md",
    "docs/numbers.md",
    "docs/protocol.md",
]

DEMO_IMAGES = 6
SHORTER = {
    "--count 200": "--count 4",
    "random:3": "random:2",
    "--limit 50 --out": "--limit 1 --out",
    "--methods rise,": "--methods rise:n=40,",
}

INSTALLS = "sets up an environment, as .ci/run does for every change"
THE_SUITE = "is a test run itself; .ci/run runs it"
THE_COPY = "needs the file that the page adds; test_docs.py runs the page's Python in such a copy"
TIMM_WEIGHTS = "needs weights of timm, which no test writes"
NOT_RUN = {
    "python -m wsol_bench run --arch timm:vit_tiny_patch16_224 ": TIMM_WEIGHTS,
    "python scripts/write_method_tables.py ": f"reads a run that {TIMM_WEIGHTS}",
    "python3 -m venv .venv": INSTALLS,
    ". .venv/bin/activate": INSTALLS,
    "pip install ": INSTALLS,
    ".venv/bin/pip install ": INSTALLS,
    ".venv/bin/python -m pytest ": THE_SUITE,
    "OMP_NUM_THREADS=1 python -m pytest ": THE_SUITE,
    "python -m wsol_bench run --arch vgg16 --methods grad_cam,norm_grad,center": THE_COPY,
    "python -m wsol_bench run --arch resnet18 ": THE_COPY,
    "python -m wsol_bench run --arch clip_net.py:build:text=text.safetensors --data ": (
        "downloads CLIP's weights"
    ),
    "wsol-bench data check tiny-imagenet-200": THE_COPY,
    "wsol-bench data statistics tiny-imagenet-200": THE_COPY,
    "python scripts/train_demo.py ": "trains networks, for minutes on a GPU",
    "git ": "is not a command of this project",
    "python -m wsol_bench run --arch vgg16 --data data/val --weights nets/mine.safetensors ": (
        "needs half a gigabyte of weights; test_cli.py runs state dicts"
    ),
}
"""Start of a command -> why it is not executed."""

BLOCK = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S)
TITLED = re.compile(
    r'^```\w* title="(?!wsol_bench/)(?P<title>[^"]+)"\n(?P<text>.*?)^```$', re.M | re.S
)
SHELL = ("sh", "bash", "shell", "console")
OURS = re.compile(r"(?:\.venv/bin/)?(?:python -m wsol_bench|wsol-bench)(?= |$)")
NAMED = re.compile(r"(?:python -m wsol_bench|wsol-bench) (?P<rest>[^`|>\n]+)")
"""A command in running text, in a table or in a CI file."""


@dataclass(frozen=True)
class Command:
    line: int
    text: str


def commands_of(page: Path) -> Iterator[Command]:
    """The commands of a page's shell blocks; commands joined by && one by one."""
    content = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(content):
        if block["language"] not in SHELL:
            continue
        first = content.count("\n", 0, block.start("text")) + 1
        joined = block["text"].replace("\\\n", " ")
        for line in joined.splitlines():
            for part in line.split("&&"):
                text = " ".join(shlex.split(part, comments=True, posix=False))
                if text:
                    yield Command(first, text)


def reason_not_to_run(command: str) -> str | None:
    return next((why for start, why in NOT_RUN.items() if f"{command} ".startswith(start)), None)


def execute(command: str) -> tuple[int, str]:
    """The exit code and the whole output."""
    for long, short in SHORTER.items():
        command = command.replace(long, short)
    ours = OURS.match(command)
    if not ours:
        done = subprocess.run(["bash", "-euc", command], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
    words, _, file = command[ours.end() :].partition(" > ")
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        code = main(shlex.split(words))
    if file:
        Path(file.strip()).parent.mkdir(parents=True, exist_ok=True)
        Path(file.strip()).write_text(out.getvalue(), encoding="utf-8")
    return code, out.getvalue() + told.getvalue()


def write_caffemodel(path: Path, arch: str) -> None:
    """A network of BVLC's topology and 1,000 classes with random, usable weights."""
    torch.manual_seed(0)
    net = ARCHS[arch].topologies["caffe"].build(1000)
    message = new_message("NetParameter")
    layers = {}
    for name, value in net.state_dict().items():
        layer, _, kind = name.rpartition(".")
        if layer not in layers:
            layers[layer] = message.layers.add(name=layer.encode())
        spread = (2 / value[0].numel()) ** 0.5 if kind == "weight" else 0.0
        blob = layers[layer].blobs.add(data=[torch.randn_like(value).mul(spread).numpy().tobytes()])
        blob.shape.dim.extend(value.shape)
    path.write_bytes(message.SerializeToString())


def write_ilsvrc(folder: Path, demo: Path, labels: list[str]) -> None:
    """The first demo images with official names, one box each, and these WNIDs."""
    images, notes = (folder / f"ILSVRC/{each}/CLS-LOC/val" for each in ("Data", "Annotations"))
    images.mkdir(parents=True, exist_ok=True)
    notes.mkdir(parents=True, exist_ok=True)
    dataset = open_dataset(demo, limit=len(labels))
    for number, (example, label) in enumerate(zip(dataset.examples, labels, strict=True), 1):
        name = f"ILSVRC2012_val_{number:08d}"
        source = demo / f"ILSVRC/Data/CLS-LOC/val/{example.image_id}.JPEG"
        shutil.copyfile(source, images / f"{name}.JPEG")
        height, width = dataset.open(example.image_id).size[::-1]
        corners = [int(each) for each in example.boxes[0] - (0, 0, 1, 1)]
        tags = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
        box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
        (notes / f"{name}.xml").write_text(
            f"<annotation><size><width>{width}</width><height>{height}</height></size>"
            f"<object><name>{label}</name><bndbox>{box}</bndbox></object></annotation>"
        )


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that a reader is expected to have, and the cache with the demo."""
    folder = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        demo = demo_folder()
    write(demo, DEMO_IMAGES, DEFAULT_SEED, workers=1)
    weights, ilsvrc = folder / "PATH/TO/weights", folder / "PATH/TO/ilsvrc-val"
    weights.mkdir(parents=True)
    write_caffemodel(weights / "bvlc_googlenet.caffemodel", "googlenet")
    write_caffemodel(weights / "squeezenet_v1.1.caffemodel", "squeezenet1_1")
    wnids = official_classes().class_ids
    write_ilsvrc(ilsvrc, demo, [wnids[0]] * 3)
    seen = as_the_network_sees(ilsvrc, weights / "bvlc_googlenet.caffemodel")
    wrong = next(wnid for wnid in wnids if wnid != wnids[seen[2]])
    write_ilsvrc(ilsvrc, demo, [wnids[seen[0]], wnids[seen[1]], wrong])
    shutil.copyfile(next(demo.rglob("*.JPEG")), folder / "cat.jpg")
    return folder


def as_the_network_sees(data: Path, weights: Path) -> list[int]:
    import wsol_bench

    result = wsol_bench.run(
        arch="googlenet", weights=f"caffe:{weights}", data=data, methods="center"
    )
    return [int(each) for each in result.to_frame("records")["predicted"]]


@pytest.fixture
def reader(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page's own folder, with links to the given files, as the current folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(given / "cache"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("PATH", "cat.jpg"):
        (tmp_path / name).symlink_to(given / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_page(name: str) -> int:
    """Executes a page's commands; returns their number."""
    for block in TITLED.finditer((ROOT / name).read_text(encoding="utf-8")):
        Path(block["title"]).write_text(block["text"], encoding="utf-8")
    count = 0
    for command in commands_of(ROOT / name):
        if reason_not_to_run(command.text):
            continue
        code, printed = execute(command.text)
        assert code == 0, (
            f"{name}, line {command.line}: {command.text}\nended with {code}:\n{printed}"
        )
        count += 1
    return count


@pytest.mark.usefixtures("reader")
def test_every_command_of_the_readme_and_the_first_page_works() -> None:
    assert run_page("README.md") + run_page("docs/index.md") >= 3


def test_every_command_of_the_tutorial_works_and_leaves_what_it_says(reader: Path) -> None:
    assert run_page("docs/tutorial.md") >= 15
    for left in ("demo.json", "report.html", "figure.pdf", "runs/table1/gradcam-table1.md"):
        assert (reader / left).stat().st_size > 0
    table = (reader / "runs/table1/gradcam-table1.md").read_text(encoding="utf-8")
    assert table.count("| GoogLeNet |") == 8  # two rows of the paper, four errors each


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
@pytest.mark.usefixtures("reader")
def test_every_command_of_the_other_pages_works(name: str) -> None:
    if name.endswith("regression-in-ci.md"):  # its job, written in YAML, has made this file
        assert execute("python -m wsol_bench run --arch all --json > new.json")[0] == 0
    run_page(name)


def test_what_is_not_run_is_on_a_page() -> None:
    texts = [f"{each.text} " for name in QUICK + SLOW for each in commands_of(ROOT / name)]
    for start in NOT_RUN:
        assert any(text.startswith(start) for text in texts), f"{start!r}: no such command"


@pytest.mark.parametrize("name", QUICK + SLOW)
def test_commands_stand_in_blocks_that_are_run(name: str) -> None:
    content = (ROOT / name).read_text(encoding="utf-8")
    for block in BLOCK.finditer(content):
        if block["language"] not in (*SHELL, "yaml"):
            assert not re.search(r"^\$? ?(?:python -m wsol_bench|wsol-bench) ", block["text"], re.M)


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@every_page
def test_every_command_of_a_block_is_one_that_the_program_takes(page: Path) -> None:
    for command in commands_of(page):
        ours = OURS.match(command.text)
        if not ours:
            continue
        words = shlex.split(command.text[ours.end() :].partition(" > ")[0])
        try:
            app.parse_args(_complete_gate(words), exit_on_error=False, print_error=False)
        except CycloptsError as error:
            pytest.fail(f"line {command.line}: {command.text}: {error}")


@every_page
def test_commands_and_flags_named_in_the_text_exist(page: Path) -> None:
    for mention in NAMED.finditer(page.read_text(encoding="utf-8")):
        words = mention["rest"].replace('"', " ").split()
        command, path = app, []
        while words and words[0] in list(command) and not words[0].startswith("-"):
            path.append(words.pop(0))
            command = command[path[-1]]
        assert path or words[0] in list(app) or not words[0].isalnum(), mention[0]
        known = {"--help", "--debug", "--version"} | flags_of(command)
        for word in words:
            flag = re.match(r"--[a-z][a-z0-9-]*", word)
            assert not flag or flag[0] in known, mention[0]


def flags_of(command: App) -> set[str]:
    if command.default_command is None:  # a name for several commands
        return set()
    return {name for each in command.assemble_argument_collection() for name in each.names}
