"""What a whole run tells MLflow."""

import json
from pathlib import Path

import pytest

from dagen.config import from_mapping
from dagen.experiment import Runtime, run
from dagen.tracking import read_records
from tests import tiny

VALUES = {
    "src": "resortit", "tgt": "taco", "method": "advent", "model": "enet", "width": 0.25,
    "size": [32, 64], "steps": 3, "batch": 2, "warmup": 1,
}  # fmt: skip


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    tiny.make_resortit(tmp_path / "data")
    tiny.make_taco(tmp_path / "data")
    return Runtime(
        runs=tmp_path / "runs", data_root=tmp_path / "data", device="cpu", workers=0, quiet=True,
        track=False,
    )  # fmt: skip


def test_everything_that_a_researcher_compares_is_logged(runtime: Runtime) -> None:
    result = run(from_mapping(VALUES), runtime)
    records = read_records(result.folder)
    by_kind: dict[str, list[dict[str, object]]] = {}
    for record in records:
        by_kind.setdefault(record["kind"], []).append(record)
    assert set(by_kind) >= {"params", "tags", "metrics", "dataset", "artifact", "model", "status"}
    params = {k: v for record in by_kind["params"] for k, v in dict(record["values"]).items()}  # type: ignore[call-overload]
    assert params["src"] == "resortit" and params["lr"] == "0.002"
    last = dict(by_kind["metrics"][-1]["values"])  # type: ignore[call-overload]
    for name in ("source/waste_iou", "target/waste_iou", "target/iou/background", "target/ece"):
        assert 0 <= last[name] <= 1
    assert last["profile/flops"] == 2 * last["profile/macs"]
    assert last["profile/bytes"] < 10_000_000
    first = dict(by_kind["metrics"][0]["values"])  # type: ignore[call-overload]
    assert {"train/loss", "train/supervised/main", "train/advent/discriminate"} <= set(first)
    roles = {record["role"]: record["name"] for record in by_kind["dataset"]}
    assert roles == {"source": "resortit/train", "target": "taco/train"}
    assert by_kind["status"][-1]["status"] == "FINISHED"
    tags = {k for record in by_kind["tags"] for k in dict(record["values"])}  # type: ignore[call-overload]
    assert {"git.commit", "dagen.version", "torch.version"} <= tags


def test_a_run_that_fails_says_so(runtime: Runtime) -> None:
    victim = sorted((Path(str(runtime.data_root)) / "taco" / "data" / "batch_1").iterdir())[0]
    victim.write_bytes(b"no image")
    config = from_mapping({**VALUES, "zoom": 1.5})
    with pytest.raises(Exception, match=victim.name):
        run(config, runtime)
    folder = runtime.runs / config.name
    assert not (folder / "result.json").exists()
    if (folder / "log.jsonl").exists():
        lines = (folder / "log.jsonl").read_text().splitlines()
        assert json.loads(lines[-1])["status"] == "FAILED"
