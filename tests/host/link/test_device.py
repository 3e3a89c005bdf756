"""The driver against the model of a board: on a good wire, a bad one, and a wrong board."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from offramp.golden.link_board import LinkBoard
from offramp.golden.spec.link import Kind, LinkConfig
from offramp.host.compile import compile_network
from offramp.host.link import BoardError, NoAnswerError, SerialDevice
from offramp.host.link.campaign import right_results, run_campaign
from offramp.host.link.emulated_port import EmulatedPort
from offramp.host.link.identity import check_build
from offramp.host.link.model_wire import ModelWire
from offramp.host.link.models import model_board
from tests.golden.networks import random_network

from .conftest import ENGINE, LINK


def device_of(board: LinkBoard, **options) -> SerialDevice:
    wire = ModelWire(board)
    return SerialDevice(lambda: EmulatedPort(wire), seed=1, **options)


def test_results_are_those_of_golden_and_images_overlap_on_the_wire(board, program, images):
    device = device_of(board)
    done: list[int] = []
    device.load(program)
    start = device.connection.now()
    assert device.run(images, progress=done.append) == right_results(program, images)
    assert done == list(range(1, len(images) + 1))
    # one image at a time would take as long as its way, its work and the way of its result
    alone = 0.003 * len(images)
    assert device.connection.now() - start < alone / 2
    assert board.engine.executed == len(images)
    # again, without loading; and a part of a larger set
    assert device.run(images[:3]) == right_results(program, images[:3])
    assert device.run(images[:0]) == []


def test_identity_is_what_the_registers_say(board):
    identity = device_of(board).identity
    for name, value in ENGINE.describe().items():
        assert identity.engine.describe()[name] == value
    assert identity.build_hash == 0xC0FFEE
    assert (identity.clock_hz, identity.result_slots) == (LINK.clock_hz, LINK.result_slots)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_lost_doubled_or_wrong_on_a_bad_wire(board, program, images, seed):
    result = run_campaign(ModelWire(board), program, images, rate=1e-2, seed=seed)
    assert result.right, result
    assert result.executed == board.engine.executed == len(images)
    # the wire was bad indeed
    assert set(result.faults) >= {"flipped", "dropped", "duplicated", "reordered", "paused"}
    assert result.faults["pulled"] >= 2
    assert result.reconnects == result.faults["pulled"]
    assert result.losses > 50


def test_ten_seconds_of_noise_stop_nobody(program, images):
    noise = ((0.05, 10.0),)
    slow = replace(LINK, baud=115_200)
    wire = ModelWire(model_board(ENGINE, slow))
    result = run_campaign(wire, program, images[:9], rate=0.0, seed=0, noise=noise)
    assert result.right, result
    assert result.faults["noise"] > 0.9 * 10.0 * slow.baud / 10
    assert result.seconds > 10


def test_restarted_board_is_loaded_again_and_runs_only_what_has_no_result(board, program, images):
    device = device_of(board)
    device.load(program)
    restarts = [25, 5]

    def restart(done: int) -> None:
        if restarts and done >= restarts[-1]:
            restarts.pop()
            board.engine.write(board.engine.registers.address("load_address"), 0)
            board.engine.write(board.engine.registers.address("load_data"), 0)
            board.power_up()

    assert device.run(images, progress=restart) == right_results(program, images)
    assert not restarts
    # each restart loses what was in flight, no more
    assert len(images) < board.engine.executed <= len(images) + 2 * LINK.result_slots


def test_board_that_restarts_without_end_is_given_up(board, program, images):
    device = device_of(board)
    device.load(program)
    board.power_up()
    genuine = board.step

    def forgetful() -> bytes:
        if board.engine.executed % 2:
            board.engine.executed += 1
            board.power_up()
        return genuine()

    board.step = forgetful  # type: ignore[method-assign]
    with pytest.raises(BoardError, match="Board must keep its session, but was restarted 3 times"):
        device.run(images)


def test_load_that_does_not_arrive_is_tried_again_and_then_reported(board, program):
    genuine = board.engine.write
    to_spoil = [2]

    def write(address: int, word: int) -> bool:
        if to_spoil[0] and address == board.engine.registers.address("load_data"):
            to_spoil[0] -= 1
            # the CRC is that of what the memory got
            board._load_crc = zlib.crc32((word ^ 1).to_bytes(4, "little"), board._load_crc)
        return genuine(address, word)

    board.engine.write = write  # type: ignore[method-assign]
    device_of(board).load(program)
    assert to_spoil == [0]
    to_spoil[:] = [10_000]
    with pytest.raises(BoardError, match="Memory of program must hold what was loaded"):
        device_of(board).load(program)


def test_engine_that_reports_a_fault_is_named(board, program, images):
    device = device_of(board)
    device.load(program)
    wrong = replace(program.operations[0], source_base=ENGINE.activation_bytes)
    device.load(replace(program, operations=(wrong, *program.operations[1:])))
    with pytest.raises(BoardError, match="must run image 0, but reports: activations were read"):
        device.run(images[:1])
    # and can be used again
    device.load(program)
    assert device.run(images[:2]) == right_results(program, images[:2])


@pytest.mark.parametrize("times", [1, 3])
def test_image_that_arrives_too_short_is_sent_again_and_then_reported(
    board, program, images, times
):
    device = device_of(board)
    device.load(program)
    genuine = board.engine.take
    spoiled = set()

    def take(word: bytes, last: bool) -> None:
        # the first word of a session
        if len(spoiled) < times and board._session not in spoiled:
            spoiled.add(board._session)
            last = True
        genuine(word, last)

    board.engine.take = take  # type: ignore[method-assign]
    if times == 1:
        assert device.run(images) == right_results(program, images)
    else:
        with pytest.raises(BoardError, match=r"came too early 3 times$"):
            device.run(images)
    assert len(spoiled) == times
    assert device.run(images[:5]) == right_results(program, images[:5])


def test_engine_that_takes_no_image_is_reported(board, program, images):
    device = device_of(board, reconnect_seconds=20.0)
    device.load(program)
    genuine = type(board.engine).room
    type(board.engine).room = property(lambda _: False)  # type: ignore[assignment,method-assign]
    try:
        with pytest.raises(BoardError, match="took no word of one for 2\\^27 cycles"):
            device.run(images[:1])
    finally:
        type(board.engine).room = genuine  # type: ignore[method-assign]


def test_other_link_versions_are_refused(board, monkeypatch):
    monkeypatch.setattr("offramp.golden.link_board.VERSION_MAJOR", 2)
    with pytest.raises(BoardError, match=r"must have the link of version 1, not 2\.0"):
        device_of(board)


def test_other_register_versions_are_refused(board):
    registers = board.engine._words
    registers[board.engine.registers.address("version")] = 2 << 16
    board.engine.reset = lambda: None  # type: ignore[method-assign]
    with pytest.raises(BoardError, match=r"must have registers of version 1\.1, not 2\.0"):
        device_of(board)


def test_other_builds_are_refused(board):
    device = device_of(board)
    check_build(device.identity, 0xC0FFEE)
    with pytest.raises(BoardError, match="must be that of build 00000001, not 00c0ffee"):
        check_build(device.identity, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_lanes": 8}, "Program must be for 8 lanes of inputs as the board's, not 4"),
        ({"out_lanes": 8}, "Program must be for 8 lanes of outputs as the board's, not 4"),
        ({"requantizers": 2}, "Program must be for 2 requantizers as the board's, not 1"),
        ({"weight_lines": 16}, "must have at most 256 bytes of weights on the board, not 19"),
        ({"channel_lines": 16}, "must have at most 64 words of channels on the board, not 5"),
        ({"program_words": 32}, "must have at most 32 words of program on the board, not 1"),
        ({"activation_bytes": 1024}, "must have at most 1024 bytes of activations on the board"),
        ({"count_bits": 6}, "must have at most 64 iterations of a loop on the board, not 1"),
    ],
)
def test_program_for_another_engine_is_refused(program, change, message):
    device = device_of(model_board(replace(ENGINE, **change), LINK))
    with pytest.raises(BoardError, match=message):
        device.load(program)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fraction_bits": 4}, "Program must be for 4 fraction bits as the board's, not 3"),
        ({"n_exits": 2}, "Program must have at most 2 exits on the board, not 3"),
        ({"n_classes": 4}, "Program must have at most 4 classes on the board, not 10"),
    ],
)
def test_program_for_another_decision_unit_is_refused(program, change, message):
    engine = replace(ENGINE, decision=replace(ENGINE.decision, **change))
    with pytest.raises(BoardError, match=message):
        device_of(model_board(engine, LINK)).load(program)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((1, 8, 8, 1), np.int32), TypeError, "must be an array of uint8, not int32"),
        (np.zeros((1, 8, 9, 1), np.uint8), ValueError, "must have 64 bytes, not 72"),
    ],
)
def test_other_images_are_refused(board, program, images, error, message):
    device = device_of(board)
    with pytest.raises(BoardError, match="Program must be loaded before images run"):
        device.run(images)
    device.load(program)
    with pytest.raises(error, match=message):
        device.run(images)


def test_silence_is_reported(board):
    board.receive = lambda data: None  # type: ignore[method-assign]
    with pytest.raises(NoAnswerError, match="Board must answer, but nothing came for 3 s"):
        device_of(board)


def test_silence_later_is_reported(board, program):
    device = device_of(board)
    board.receive = lambda data: None  # type: ignore[method-assign]
    with pytest.raises(NoAnswerError, match="Board must go on answering, but nothing came for"):
        device.load(program)


def test_an_echo_is_no_board():
    class Echo(ModelWire):
        def send(self, data: bytes) -> None:
            self._up.append((self.now, data))

    wire = Echo(model_board(ENGINE, LINK))
    with pytest.raises(NoAnswerError, match="Board must answer"):
        SerialDevice(lambda: EmulatedPort(wire))


def test_images_of_any_size_come_to_the_engine(board):
    network = random_network(4).with_thresholds([10])
    program = compile_network(network, ENGINE).program
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, *network.input_shape), np.uint8)
    small = LinkConfig(clock_hz=48_000_000, baud=115_200, buffer_bytes=512, result_slots=2)
    device = device_of(model_board(ENGINE, small))
    device.load(program)
    assert device.run(images) == right_results(program, images)


def test_frames_shrink_under_errors_and_grow_again(board, program, images):
    device = device_of(board)
    pace = device.connection.window.pace
    assert pace.words == 64
    for _ in range(3):
        pace.lost()
    assert (pace.words, pace.frames) == (8, 7)
    for _ in range(10):
        pace.lost()
    assert (pace.words, pace.frames) == (4, 2)
    device.load(program)
    assert pace.words == 64
    assert device.read("magic") == int.from_bytes(b"OFRA", "big")
    assert Kind.READ == 1


def test_program_with_additions_for_a_board_without_is_refused():
    program = compile_network(random_network(4).with_thresholds([10]), ENGINE).program
    board = model_board(replace(ENGINE, residual=False), LINK)
    message = "Program must have no residual additions on a board without, not some"
    with pytest.raises(BoardError, match=f"^{message}$"):
        device_of(board).load(program)


def test_engine_without_counters_runs_too(program, images):
    device = device_of(model_board(replace(ENGINE, counters=False), LINK))
    assert not device.identity.engine.counters
    device.load(program)
    assert device.run(images[:5]) == right_results(program, images[:5])
