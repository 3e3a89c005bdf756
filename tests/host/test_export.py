import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from offramp.golden.network_file import load_network
from offramp.host import onnx_check
from offramp.host.cli.main import run


def test_export_compares_every_logit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "digits.onnx"
    assert run(["export", "zoo:digits", "--check", "test", "--json", "-o", str(path)]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["logits_compared"] == 539 * 3 * 10
    assert values["logits_that_differ"] == 0
    assert values["result"] == str(path)
    onnx.checker.check_model(onnx.load(path))


def test_a_difference_is_an_error_and_leaves_no_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(network):
        name = network.topology.segments[0].branch[-1].name
        values = network.parameters[name]
        changed = replace(values, bias=values.bias + np.int32(5000))
        return exported(replace(network, parameters={**network.parameters, name: changed}))

    exported = onnx_check.export_onnx
    monkeypatch.setattr(onnx_check, "export_onnx", other)
    path = tmp_path / "digits.onnx"
    assert run(["export", "zoo:digits", "--check", "test", "-o", str(path)]) == 1
    assert "must equal the golden model's, not differ in" in capsys.readouterr().err
    assert not path.exists()


def test_a_missing_runtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"^ONNX Runtime must be installed for a check"):
        onnx_check.check_onnx(load_network("zoo:digits"), np.zeros((1, 8, 8, 1), np.uint8))
