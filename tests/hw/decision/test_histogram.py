import random

import pytest
from amaranth.sim import Simulator

from offramp.golden.spec.criteria import Criterion
from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.histogram import HISTOGRAM_BINS, gate_edges_log2, histogram_bin
from offramp.hw.decision.histogram import HistogramBin

ALL = ("confidence", "margin", "entropy", "gate", "patience")
CONFIG = DecisionConfig(n_exits=16, criteria=ALL, tag_width=4)


def scores_of(config, criterion):
    """Return scores of a criterion: all, of the gate those at its edges and a random few."""
    bounds = config.score_format_of(criterion)
    if criterion == "patience":
        return range(config.n_exits)
    if criterion != "gate":
        return range(bounds.low, bounds.high + 1)
    edges = [0, *(1 << edge for edge in gate_edges_log2(config)), bounds.high]
    near = {sign * edge + step for edge in edges for sign in (-1, 1) for step in (-1, 0, 1)}
    rng = random.Random(1)
    near |= {rng.randint(bounds.low, bounds.high) for _ in range(50)}
    return sorted(score for score in near if bounds.low <= score <= bounds.high)


@pytest.mark.parametrize("criteria", [ALL, *((name,) for name in ALL if name != "gate")])
def test_bin_equals_golden(criteria):
    config = DecisionConfig(n_exits=16, criteria=criteria, tag_width=4)
    unit = HistogramBin(config)

    async def testbench(ctx):
        for name in criteria:
            ctx.set(unit.selection, Criterion(name).code)
            for score in scores_of(config, name):
                ctx.set(unit.score, score)
                await ctx.delay(1e-9)
                assert ctx.get(unit.bin) == histogram_bin(config, name, score), (name, score)

    simulator = Simulator(unit)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("criterion", ALL)
def test_bins_rise_with_the_score_and_all_are_used(criterion):
    bins = [histogram_bin(CONFIG, criterion, score) for score in scores_of(CONFIG, criterion)]
    assert bins == sorted(bins)
    assert set(bins) == set(range(HISTOGRAM_BINS))


def test_gate_bins_are_symmetric_around_the_change_of_sign():
    for score in scores_of(CONFIG, "gate"):
        assert histogram_bin(CONFIG, "gate", score) + histogram_bin(CONFIG, "gate", ~score) == 7


def test_entropy_bins_are_quarters_of_a_bit():
    assert [histogram_bin(CONFIG, "entropy", -score) for score in (1, 64, 65, 448, 449, 512)] == [
        7, 7, 6, 1, 0, 0,
    ]  # fmt: skip
