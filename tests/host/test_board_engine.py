from dataclasses import replace

import pytest

from offramp.fpga.board_build import check_capacity
from offramp.fpga.boards import find_board
from offramp.fpga.flow import CapacityError
from offramp.golden.network_file import load_network
from offramp.golden.spec.engine import ENGINES
from offramp.host.board_engine import choose_engine, predict_speed
from offramp.host.compile import compile_network, predict_cycles
from offramp.host.devices import GoldenDevice
from offramp.host.pipeline import run, set_rules, unit_config
from offramp.host.workflow import splits_of_network

CLOCK = 100_000_000


@pytest.fixture(scope="module")
def digits():
    return load_network("zoo:digits")


@pytest.mark.parametrize(
    ("net", "board", "macs"),
    [
        ("zoo:blenet-mnist", "ulx3s-85f", 128),
        ("zoo:blenet-mnist", "ulx3s-25f", 16),
        ("zoo:digits", "orangecrab", 16),
        ("zoo:resnet8-cifar10", "ulx3s-85f", 128),
    ],
)
def test_largest_engine_that_fits_is_chosen_and_holds_the_network(net, board, macs):
    network = load_network(net)
    config = choose_engine(network, find_board(board), None)
    assert config.macs == macs
    compile_network(network, config)
    check_capacity(find_board(board), find_board(board).flow.needs(config), "it")


def test_engine_that_is_named_is_taken(digits):
    assert choose_engine(digits, find_board("ulx3s-85f"), "32").macs == 32


def test_engine_too_large_for_the_board_is_one_line(digits):
    with pytest.raises(CapacityError) as failure:
        choose_engine(digits, find_board("ulx3s-25f"), "32")
    assert str(failure.value) == (
        "Multipliers of digits on 32 MACs must be at most the 28 of ulx3s-25f, not 34"
    )


def test_network_too_large_for_the_board_is_one_line():
    with pytest.raises(
        CapacityError,
        match=r"^Block RAMs of resnet8 on 8 MACs must be at most the 56 of orangecrab, not \d+$",
    ):
        choose_engine(load_network("zoo:resnet8-cifar10"), find_board("orangecrab"), None)


def test_unknown_engine_is_one_line(digits):
    with pytest.raises(ValueError, match=r"^Engine must be one of 8, 16, 32, 64, 128, not '20'$"):
        choose_engine(digits, find_board("ulx3s-85f"), "20")


def test_images_a_second_are_the_clock_over_the_cycles(digits):
    config = ENGINES["16"]
    speed = predict_speed(digits, config, CLOCK, 1_000_000)
    cycles = predict_cycles(compile_network(digits, config).program)
    assert speed.at_exits == tuple(CLOCK / cycles.interval(k) for k in range(digits.n_exits))
    assert speed.at_exits[0] > speed.with_exits > speed.at_exits[-1]
    assert speed.without_exits > speed.at_exits[-1]
    # 64 bytes of an image in one frame with 11 more, ten bits each
    assert speed.over_link == 1_000_000 / 10 / 75


def test_mix_of_exits_is_that_of_the_test_split(digits):
    with GoldenDevice(unit_config(digits)) as device:
        set_rules(digits, device)
        results = run(digits, device, splits_of_network(digits, None).test.images)
    speed = predict_speed(digits, ENGINES["16"], CLOCK, 1_000_000)
    seconds = sum(1 / speed.at_exits[k] for k in results.exit_index) / len(results)
    assert speed.with_exits == pytest.approx(1 / seconds, rel=1e-9)


def test_network_without_metrics_has_no_mix_of_exits(digits):
    bare = replace(digits, metadata={})
    assert predict_speed(bare, ENGINES["16"], CLOCK, 1_000_000).with_exits is None
