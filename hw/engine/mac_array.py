"""The MAC array: products, one tree of adders for each output lane, accumulators."""

from itertools import pairwise

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .ice40 import ProductPair
from .multiplier import Multiplier
from .payload import ACCUMULATOR

__all__ = ["MacArray"]


class MacArray(wiring.Component):
    """Add up, for each output lane, the products of activations and weights of a tile's steps.

    Latency: `latency` cycles from the operands of a tile's last step to `tile`, in which all
    `accumulators` are those of the tile; they stay for one cycle. Throughput: a step a cycle.

    Members
    -------
    activations : In(signed(9) [in_lanes])
    weights : In(signed(8) [out_lanes][in_lanes])
    valid : In(1)
    last : In(1)
        Whether the step ends a tile.
    accumulators : Out(signed [out_lanes])
    tile : Out(1)
    """

    def __init__(self, config: EngineConfig, family: str = "generic"):
        self._config = config
        self._family = family
        self._levels = (config.in_lanes - 1).bit_length()
        self.latency = Multiplier.latency + self._levels + 1
        super().__init__(
            {
                "activations": In(data.ArrayLayout(signed(9), config.in_lanes)),
                "weights": In(
                    data.ArrayLayout(data.ArrayLayout(signed(8), config.in_lanes), config.out_lanes)
                ),
                "valid": In(1),
                "last": In(1),
                "accumulators": Out(data.ArrayLayout(ACCUMULATOR, config.out_lanes)),
                "tile": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        delay = self.latency - 1
        valid = [self.valid, *(Signal(name=f"valid_{cycle}") for cycle in range(delay))]
        last = [self.last, *(Signal(name=f"last_{cycle}") for cycle in range(delay))]
        for chain in (valid, last):
            m.d.sync += [after.eq(before) for before, after in pairwise(chain)]
        first = Signal(init=1)
        with m.If(valid[-1]):
            m.d.sync += first.eq(last[-1])
        m.d.sync += self.tile.eq(valid[-1] & last[-1])

        for lane in range(self._config.out_lanes):
            terms = self._elaborate_products(m, lane)
            for level in range(self._levels):
                sums = []
                for pair in range(0, len(terms), 2):
                    name = f"sum_{lane}_{level}_{pair // 2}"
                    total = Signal(signed(len(terms[0]) + 1), name=name, reset_less=True)
                    m.d.sync += total.eq(terms[pair] + terms[pair + 1])
                    sums.append(total)
                terms = sums
            accumulator = self.accumulators[lane]
            with m.If(valid[-1]):
                m.d.sync += accumulator.eq(Mux(first, 0, accumulator) + terms[0])
        return m

    def _elaborate_products(self, m, lane):
        """Return the products of an output lane."""
        weights = self.weights[lane]
        products = []
        for source in range(0, self._config.in_lanes, 2):
            if self._family == "ice40":
                m.submodules[f"pair_{lane}_{source}"] = pair = ProductPair()
                for half in range(2):
                    m.d.comb += [
                        pair.a[half].eq(self.activations[source + half]),
                        pair.b[half].eq(weights[source + half]),
                    ]
                products += [pair.products[0], pair.products[1]]
                continue
            for number in (source, source + 1):
                multiplier = Multiplier(signed(9), signed(8), self._family)
                m.submodules[f"multiplier_{lane}_{number}"] = multiplier
                m.d.comb += [
                    multiplier.a.eq(self.activations[number]),
                    multiplier.b.eq(weights[number]),
                ]
                products.append(multiplier.product)
        return products
