"""Where designs are built: devices, and those of boards."""

import pytest

from offramp.fpga.boards import BOARDS
from offramp.fpga.devices import find_device
from offramp.fpga.flow import CapacityError
from offramp.fpga.targets import ENGINE_TARGETS, TARGETS, find_engine_target, find_target
from offramp.golden.spec.engine import ENGINES


def test_device_of_every_target_is_found_by_its_name() -> None:
    for target in (*TARGETS.values(), *ENGINE_TARGETS.values()):
        assert find_device(target.device).name == target.device


def test_boards_with_ecp5_are_targets_with_their_own_device() -> None:
    for name in ("ulx3s-85f", "ulx3s-25f", "orangecrab"):
        assert find_device(ENGINE_TARGETS[name].device) == BOARDS[name].device
        assert TARGETS[name] == ENGINE_TARGETS[name]


def test_engine_that_is_too_large_is_refused_before_it_is_built() -> None:
    target = find_engine_target("ecp5-25k")
    target.check_engine(ENGINES["16"])
    message = r"^Multipliers of an engine of 32 MACs must be at most the 28 of ecp5-25k, not \d+$"
    with pytest.raises(CapacityError, match=message):
        target.check_engine(ENGINES["32"])
    find_engine_target("ecp5-45k").check_engine(ENGINES["32"])


def test_unknown_name_is_refused_with_the_list_of_names() -> None:
    with pytest.raises(
        ValueError, match=r"^Device must be one of ecp5-25k, .*ulx3s-85f.*, not 'x'"
    ):
        find_engine_target("x")
    with pytest.raises(ValueError, match=r"^Device must be one of ecp5-25k, up5k, .*, not 'x'$"):
        find_target("x")
    # no engine fits it without memories of its own kind
    with pytest.raises(ValueError, match=r"^Device must be one of .*, not 'hx8k'$"):
        find_engine_target("hx8k")
