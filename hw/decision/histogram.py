"""The histogram bin of a score."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.criteria import SELECTION_WIDTH, Criterion
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.histogram import ENTROPY_STEP_LOG2, HISTOGRAM_BINS, gate_edges_log2

__all__ = ["HistogramBin"]

TOP = HISTOGRAM_BINS - 1


class HistogramBin(wiring.Component):
    """Find the bin of a score; equals `offramp.golden.spec.histogram.histogram_bin`.

    Latency: 0 cycles.

    Members
    -------
    selection : In(3)
        Code of the criterion; ignored if there is but one.
    score : In(signed)
        In ``config.score_format``.
    bin : Out(3)
    """

    latency = 0

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__(
            {
                "selection": In(SELECTION_WIDTH),
                "score": In(signed(config.score_format.width)),
                "bin": Out(range(HISTOGRAM_BINS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        first, *others = (
            (Criterion(name).code, self._bin(m, name)) for name in self._config.criteria
        )
        m.d.comb += self.bin.eq(first[1])
        if others:
            with m.Switch(self.selection):
                for code, place in others:
                    with m.Case(code):
                        m.d.comb += self.bin.eq(place)
        return m

    def _bin(self, m, name):
        place = Signal(range(HISTOGRAM_BINS), name=f"bin_{name}")
        match name:
            case Criterion.CONFIDENCE:
                m.d.comb += place.eq(_clamped((self.score >> self._config.fraction_bits) + 1))
            case Criterion.MARGIN:
                m.d.comb += place.eq(_clamped(self.score >> self._config.fraction_bits))
            case Criterion.ENTROPY:
                m.d.comb += place.eq(_clamped((self.score >> ENTROPY_STEP_LOG2) + HISTOGRAM_BINS))
            case Criterion.PATIENCE:
                m.d.comb += place.eq(_clamped(self.score))
            case Criterion.GATE:
                negative = self.score < 0
                magnitude = Signal(len(self.score) - 1)
                small, medium, large = (
                    magnitude[edge:].any() for edge in gate_edges_log2(self._config)
                )
                level = Cat(large | (small & ~medium), medium)
                m.d.comb += [
                    magnitude.eq(self.score ^ negative.replicate(len(self.score))),
                    place.eq(Cat(level ^ negative.replicate(2), ~negative)),
                ]
        return place


def _clamped(value):
    """Return a signed value, the nearest bin if there is no such one."""
    return Mux(value < 0, 0, Mux(value > TOP, TOP, value))
