"""The published JSON schemas: results and manifests are of them, and what is not is refused."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wsol_bench.cli.main import main
from wsol_bench.records.manifest import SCHEMA_VERSION, Manifest
from wsol_bench.records.result import RESULT_SCHEMA
from wsol_bench.records.run_folder import MANIFEST

jsonschema = pytest.importorskip("jsonschema", reason="comes with the extra test")

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "wsol_bench/records/schemas"


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return found


RESULT = schema(f"result-{RESULT_SCHEMA}")
RUN = schema(f"run-{SCHEMA_VERSION}")


@pytest.fixture(scope="module")
def result(
    small_dataset: Path, small_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A result that a run saved, and the run's manifest."""
    import wsol_bench

    folder = tmp_path_factory.mktemp("schemas")
    made = wsol_bench.run(
        arch="squeezenet1_1",
        weights=small_weights,
        data=small_dataset,
        methods="grad_cam,cam,center",
        out=folder / "run",
    )
    made.save(folder / "result.json")
    return (
        json.loads((folder / "result.json").read_text("utf-8")),
        json.loads((folder / "run" / MANIFEST).read_text("utf-8")),
    )


def test_a_result_is_of_its_schema(result: tuple[dict[str, Any], Any]) -> None:
    jsonschema.validate(result[0], RESULT)
    jsonschema.validate({"schema": RESULT_SCHEMA, "results": [result[0]]}, RESULT)


def test_a_manifest_is_of_its_schema(result: tuple[Any, dict[str, Any]]) -> None:
    jsonschema.validate(result[1], RUN)


def test_a_score_is_of_the_results_schema(
    small_dataset: Path,
    small_weights: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    command = ["run", "--arch=squeezenet1_1", f"--weights={small_weights}", "--keep-maps", "-q"]
    command += [f"--data={small_dataset}", "--methods=grad_cam,center", f"--out={run}"]
    assert main(command) == 0
    capsys.readouterr()
    assert main(["score", str(run), "--protocol=maxboxacc", "--json"]) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), RESULT)


@pytest.mark.parametrize(
    "broken",
    [
        {"n": "9"},
        {"rows": [{}]},
        {"rows": None},
        {"schema": 3},
        {"revisions": {"data": 3}},
    ],
    ids=str,
)
def test_another_object_is_refused(result: tuple[dict[str, Any], Any], broken: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(result[0] | broken, RESULT)


def without_descriptions(part: Any) -> Any:
    """A schema without the docstrings of classes, which may be reworded."""
    if isinstance(part, dict):
        kept = {k: v for k, v in part.items() if not (k == "description" and isinstance(v, str))}
        return {name: without_descriptions(value) for name, value in kept.items()}
    return [without_descriptions(each) for each in part] if isinstance(part, list) else part


def test_the_manifests_schema_is_that_of_its_class() -> None:
    own = without_descriptions(json.loads(json.dumps(msgspec.json.schema(Manifest))))
    assert {name: RUN[name] for name in own} == own
