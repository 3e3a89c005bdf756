"""The constants that predict cycles are what the components' latencies add up to."""

import pytest
from amaranth.hdl import Fragment

from offramp.golden.spec.engine import (
    FETCH_BEHIND,
    SECOND_PASS,
    STEP_LATENCY,
    WRITE_LATENCY,
    EngineConfig,
)
from offramp.golden.spec.operation import DRAIN_WORD, WORDS
from offramp.host.compile.cycles import FETCH_CYCLES
from offramp.hw.engine.descriptor_fetch import DescriptorFetch
from offramp.hw.engine.drain import Drain
from offramp.hw.engine.drain_lane import DrainLane
from offramp.hw.engine.loops import Loops
from offramp.hw.engine.mac_array import MacArray
from offramp.hw.engine.operand_fetch import OperandFetch
from offramp.hw.engine.requantizer import Requantizer
from offramp.hw.engine.wide_memory import WideMemory
from offramp.hw.engine.window_maximum import WindowMaximum


def test_operands_of_the_first_step():
    assert Loops.latency + OperandFetch.latency == STEP_LATENCY


def test_a_transfer_follows_a_step_of_the_drain():
    lane = WideMemory.latency + Requantizer.latency
    assert lane == DrainLane.REQUANTIZED
    # and a register in front of the memory
    assert lane + WindowMaximum.latency + 1 == WRITE_LATENCY
    assert Drain.RESIDUAL == Requantizer.latency == SECOND_PASS
    # the first step comes a cycle behind the tile
    assert Drain.latency == 1 + WRITE_LATENCY


def test_words_that_wait_for_the_drain():
    # one cycle in which it is known that all is written
    assert 1 + len(WORDS) - DRAIN_WORD == FETCH_BEHIND
    assert DescriptorFetch.latency == FETCH_CYCLES


@pytest.mark.parametrize(("in_lanes", "out_lanes"), [(4, 4), (8, 16), (16, 32)])
def test_accumulators_of_a_tile(in_lanes, out_lanes):
    config = EngineConfig(in_lanes=in_lanes, out_lanes=out_lanes)
    array = MacArray(config)
    Fragment.get(array, None)  # Amaranth warns of what is not elaborated
    assert array.latency == config.array_latency
