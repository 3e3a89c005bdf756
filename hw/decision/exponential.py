"""Second part: the integer exponential, a small table and a shift."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig

__all__ = ["Exponential"]


class Exponential(wiring.Component):
    """Compute ``E(x) = c[x mod 2**F] << (x >> F)``, complemented in a closing slot.

    The sum is compared with E(x) by adding ``2**A - 1 - E(x)``: the carry out says whether it is
    larger. The inversion costs nothing in one of the shifter's multiplexers, which have an input
    to spare.

    Latency: `latency`, 1 with the register "mantissa" half way through the shifter, else 0.

    Members
    -------
    complement : In(logit_width)
        ``2**W - 1 - x``.
    closing : In(1)
    value : Out(accumulator_width)
        E(x), or ``2**accumulator_width - 1 - E(x)``.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        self.latency = int("mantissa" in config.registers)
        super().__init__(
            {
                "complement": In(config.logit_width),
                "closing": In(1),
                "value": Out(config.accumulator_width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config

        place, octave = self._split(~self.complement)
        value = Signal(config.mantissa_bits, name="mantissa")
        with m.Switch(place):
            for r, entry in enumerate(config.table):
                with m.Case(r):
                    m.d.comb += value.eq(entry)

        steps, invert_at = self._plan(len(octave))
        closing = self.closing
        for place, step in enumerate(steps):
            if self.latency and place == len(steps) // 2:
                value, octave, closing = (
                    self._register(m, signal) for signal in (value, octave, closing)
                )
            # behind the inversion ones are shifted in
            shifted = self._shift(value, octave[step], 1 << step, closing & (place > invert_at))
            if place == invert_at:
                shifted ^= closing.replicate(len(shifted))
            value = Signal(len(shifted), name=f"shifted_{1 << step}")
            m.d.comb += value.eq(shifted)
        m.d.comb += self.value.eq(value)
        return m

    def _plan(self, n_steps):
        """Return the order of the steps, as powers of two, and the place of the inverting one.

        Small steps go first, as the value is narrow then. The last one has an input to spare for
        the inversion if a register follows that can be cleared, and then two swaps make it
        smaller and faster yet. If not, void operands are masked there and the first inverts.
        Both are measured, see docs/design/decision-core.md.
        """
        steps = list(range(n_steps))
        if "addend" not in self._config.registers:
            return steps, 0
        if n_steps > 3:
            steps[:2], steps[-2:] = [1, 0], [n_steps - 1, n_steps - 2]
        return steps, n_steps - 1

    def _split(self, x):
        """Return place in the table and octave."""
        bits = self._config.fraction_bits
        place = x[:bits]
        octave = x[bits : self._config.logit_width]
        return place, octave

    @staticmethod
    def _shift(value, by_step, step, fill):
        """Return `value`, `step` bits longer, shifted up by as much if `by_step`."""
        padding = Cat(fill).replicate(step)
        return Mux(by_step, Cat(padding, value), Cat(value, padding))

    @staticmethod
    def _register(m, signal):
        registered = Signal(len(signal), reset_less=True)
        m.d.sync += registered.eq(signal)
        return registered
