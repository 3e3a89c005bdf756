"""Waveforms of the emulated engine, read by somebody else's reader."""

from pathlib import Path

import pylibfst
import pytest

from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.host.cli.main import run
from offramp.host.compile import compile_network
from offramp.host.workflow import splits_of_network
from offramp.rtl_sim.emulator.accelerator import EngineEmulator
from offramp.rtl_sim.emulator.library import EmulationError

CLOCK = "TOP.clk"
ENGINE = "TOP.offramp_accelerator_emulated.engine"


@pytest.fixture(scope="module")
def images():
    return splits_of_network(load_network("zoo:digits"), None).test.images[:3]


@pytest.fixture(scope="module")
def program():
    return compile_network(load_network("zoo:digits"), ENGINES["16"]).program


def changes_of(path: Path, *names: str) -> dict[str, list[tuple[int, int]]]:
    """Return times and values of signals."""
    reader = pylibfst.lib.fstReaderOpen(str(path).encode())
    assert reader != pylibfst.ffi.NULL
    _, signals = pylibfst.get_scopes_signals2(reader)
    # behind a name stands its range
    by_name = {name.partition(" ")[0]: signal for name, signal in signals.by_name.items()}
    of_handle = {by_name[name].handle: name for name in names}
    pylibfst.lib.fstReaderClrFacProcessMaskAll(reader)
    for handle in of_handle:
        pylibfst.lib.fstReaderSetFacProcessMask(reader, handle)
    changes: dict[str, list[tuple[int, int]]] = {name: [] for name in names}

    def note(_data: object, time: int, handle: int, value: object) -> None:
        changes[of_handle[handle]].append((time, int(pylibfst.string(value), 2)))

    pylibfst.fstReaderIterBlocks(reader, note)
    pylibfst.lib.fstReaderClose(reader)
    return changes


def test_waveform_shows_each_cycle_of_the_image_and_its_result(tmp_path, program, images):
    path = tmp_path / "image.fst"
    with EngineEmulator(program.config) as emulator:
        emulator.load(program)
        alone = emulator.run(images[1:2])
        right, label = int(alone.cycles[0]), int(alone.label[0])
    with EngineEmulator(program.config, waveform=True) as emulator:
        emulator.load(program)
        emulator.run(images[:1])
        before = emulator.cycles
        results = emulator.write_waveform(images[1], path)
        spent = emulator.cycles - before
        # what comes after is not written, and runs as ever
        size = path.stat().st_size
        assert emulator.run(images[1:2]).cycles == right
        assert path.stat().st_size == size
    assert (results.cycles, results.label) == (right, label)
    changes = changes_of(
        path, CLOCK, *(f"{ENGINE}.o_{name}" for name in ("valid", "label", "cycles"))
    )
    rises = [time for time, value in changes[CLOCK] if value]
    assert rises == [2 * cycle + 1 for cycle in range(before, before + spent)]
    offered = next(time for time, value in changes[f"{ENGINE}.o_valid"] if value)
    for name, value in (("label", label), ("cycles", right)):
        assert [new for time, new in changes[f"{ENGINE}.o_{name}"] if time <= offered][-1] == value


def test_plain_emulator_writes_no_waveform(tmp_path, program, images):
    with EngineEmulator(program.config) as emulator:
        emulator.load(program)
        with pytest.raises(EmulationError, match="Emulator must be made with waveforms"):
            emulator.write_waveform(images[0], tmp_path / "image.fst")


def test_file_that_cannot_be_written_is_said(tmp_path, program, images):
    with EngineEmulator(program.config, waveform=True) as emulator:
        emulator.load(program)
        with pytest.raises(EmulationError, match="Waveform file must be writable, not"):
            emulator.write_waveform(images[0], tmp_path / "missing" / "image.fst")


def test_command_writes_the_image_that_is_named(tmp_path, capsys, program, images):
    path = tmp_path / "image.fst"
    arguments = ["run", "--device", "emulator", "--net", "zoo:digits", "--images", "3", "--json"]
    assert run([*arguments, "--waveform", str(path), "--waveform-image", "2"]) == 0
    capsys.readouterr()
    with EngineEmulator(program.config) as emulator:
        emulator.load(program)
        cycles = emulator.run(images[2:]).cycles
    name = f"{ENGINE}.o_cycles"
    assert max(value for _time, value in changes_of(path, name)[name]) == cycles


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--waveform", "image.vcd"), "Waveform file must end in .fst, not 'image.vcd'"),
        (("--waveform", "image.fst", "--waveform-image", "3"),
         "Image of the waveform must be in 0..2, not 3"),
        (("--waveform", "image.fst", "--device", "unit"), "Waveform must be on the emulator"),
    ],
)  # fmt: skip
def test_bad_waveform_is_one_line_and_leaves_no_file(
    capsys, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    common = ["run", "zoo:digits", "--images", "3", "--device", "emulator"]
    assert run([*common, *arguments]) != 0
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
