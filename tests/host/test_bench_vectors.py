"""offramp bench vectors: figures, and a run that goes on where it was interrupted."""

import json
from pathlib import Path

import pytest

from offramp.host.cli import bench_vectors
from offramp.host.cli.main import run


def arguments(folder: Path, count: int) -> list[str]:
    options = ["--criterion", "patience", "--count", str(count), "--processes", "1", "--json"]
    return ["bench", "vectors", *options, "-o", str(folder)]


def test_interrupted_run_goes_on_and_gives_the_same_figures(
    capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: object, done: int, note: str = "") -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("offramp.host.cli.output.Bar.show", interrupt)
        assert run(arguments(tmp_path, 30_000)) != 0
    kept = json.loads((tmp_path / "patience.partial.json").read_text())
    assert len(kept["chunks"]) >= 1
    capsys.readouterr()

    assert run(arguments(tmp_path, 30_000)) == 0
    captured = capsys.readouterr()
    values = json.loads(captured.out)
    assert "Going on with patience after" in captured.err
    assert values["patience"]["vectors"] == 3 * 12288
    assert values["patience"]["mismatches"] == 0
    assert json.loads((tmp_path / "vectors.json").read_text()) == values
    assert not (tmp_path / "patience.partial.json").exists()


def test_mismatches_are_an_error(
    capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = bench_vectors.ChunkResult(0, "exhaustive", 10, 2, 5, ("the example",))
    monkeypatch.setattr(
        "offramp.rtl_sim.vector_bench.run_vectors", lambda *arguments, **options: [wrong]
    )
    assert run(arguments(tmp_path, 10)) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["patience"]["mismatches"] == 2
    assert "the example" in captured.err
    assert "Mismatches must be 0, and are not" in captured.err


@pytest.mark.parametrize("text", ["", "{}", '{"key": "other", "chunks": []}', '{"key": "k"}'])
def test_what_is_no_record_of_this_work_is_not_taken_up(tmp_path: Path, text: str) -> None:
    path = tmp_path / "margin.partial.json"
    path.write_text(text)
    assert bench_vectors._load(path, "k") == {}
