"""The driver at ports of the system: pseudo-terminals, pulled out and plugged in again."""

import errno
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from offramp.golden.link_board import LinkBoard
from offramp.host.link import NoAnswerError, PortError, SerialDevice
from offramp.host.link.campaign import right_results
from offramp.host.link.models import model_board
from offramp.host.link.port import SerialPort
from offramp.host.link.pseudo_terminal import PseudoTerminal

from .conftest import ENGINE, LINK


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "board"


def device_at(path: Path, **options) -> SerialDevice:
    return SerialDevice(lambda: SerialPort(str(path), LINK.baud), **options)


def test_results_over_a_pseudo_terminal_are_those_of_golden(path, board, program, images):
    with PseudoTerminal(board.respond, path), device_at(path) as device:
        device.load(program)
        assert device.run(images) == right_results(program, images)
    assert board.engine.executed == len(images)


def test_cable_that_is_pulled_while_loading_and_running_costs_nothing(path, board, program, images):
    with PseudoTerminal(board.respond, path) as terminal, device_at(path) as device:

        def pull() -> None:
            terminal.pull()
            time.sleep(0.02)
            terminal.plug()

        genuine, loaded, pulls = board.receive, [0], []

        def receive(data: bytes) -> None:
            # in the middle of the load, and of an image
            loaded[0] += len(data)
            if len(pulls) < 1 and loaded[0] > 8000:
                pulls.append(threading.Thread(target=pull))
                pulls[-1].start()
                data = data[: len(data) // 2]
            genuine(data)

        board.receive = receive  # type: ignore[method-assign]
        device.load(program)
        assert len(pulls) == 1
        results = device.run(images, progress=lambda done: pull() if done == 20 else None)
        assert results == right_results(program, images)
        assert device.connection.reconnects == 2
    assert board.engine.executed == len(images)


def test_other_board_that_is_plugged_in_is_loaded_too(path, board, program, images):
    other: LinkBoard = model_board(ENGINE, LINK)
    boards = [board]

    def respond(data: bytes) -> bytes:
        return boards[0].respond(data)

    with (
        PseudoTerminal(respond, path) as terminal,
        device_at(path) as device,
    ):
        device.load(program)

        def exchange_boards(done: int) -> None:
            if done == 30:
                terminal.pull()
                boards[0] = other
                terminal.plug()

        results = device.run(images, progress=exchange_boards)
    assert results == right_results(program, images)
    assert 30 <= board.engine.executed <= 30 + LINK.result_slots
    assert other.engine.executed == len(images) - 30


def test_cable_that_stays_out_is_reported(path, board, program):
    with PseudoTerminal(board.respond, path) as terminal:
        with device_at(path, reconnect_seconds=0.2) as device:
            terminal.pull()
            with pytest.raises(PortError, match=f"Port {path} must stay there, but was lost"):
                device.load(program)


def test_missing_port_is_reported(path):
    with pytest.raises(PortError, match=r"^Port must be there, not '.*board'$"):
        SerialPort(str(path), 1_000_000)


def test_busy_port_is_reported(path, board):
    with PseudoTerminal(board.respond, path), device_at(path):
        with pytest.raises(PortError, match=r"^Port must be free, but '.*board' is in use$"):
            device_at(path)


def test_file_is_no_port(path):
    path.write_text("")
    with pytest.raises(PortError, match=r"^Port must be a serial port, not '.*board'"):
        SerialPort(str(path), 1_000_000)


def test_port_of_others_is_reported(path, monkeypatch):
    # root may open every port: the system's answer must be made up
    def refuse(*_arguments, **_options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("offramp.host.link.port.serial.Serial", refuse)
    with pytest.raises(PortError, match=r"^Port must be open to you, but '.*board' is not"):
        SerialPort(str(path), 1_000_000)


def test_port_without_a_board_is_reported(path, monkeypatch):
    monkeypatch.setattr("offramp.host.link.connection.ANSWER_S", 0.3)
    with PseudoTerminal(lambda _data: b"", path):
        with pytest.raises(NoAnswerError, match=r"^Board must answer, but nothing came for 0\.3 s"):
            device_at(path)


def test_small_buffer_and_slow_wire_do(path, program, images):
    slow = replace(LINK, baud=115_200, buffer_bytes=512, result_slots=2)
    board = model_board(ENGINE, slow)
    with PseudoTerminal(board.respond, path):
        with SerialDevice(lambda: SerialPort(str(path), slow.baud)) as device:
            device.load(program)
            assert device.run(images[:9]) == right_results(program, images[:9])
