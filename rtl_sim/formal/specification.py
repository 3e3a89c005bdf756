"""The exit decision as a machine that takes a logit a step: what the unit is proved to be."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig

__all__ = ["DecisionSpecification", "Exponential"]


class Exponential(wiring.Component):
    """E(x) of an offset logit, written out for each: nothing of the unit's shifter is repeated.

    Members
    -------
    x : In(logit_width)
    value : Out(accumulator_width)
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        super().__init__({"x": In(config.logit_width), "value": Out(config.accumulator_width)})

    def elaborate(self, platform):
        m = Module()
        with m.Switch(self.x):
            for x in range(1 << self._config.logit_width):
                with m.Case(x):
                    m.d.comb += self.value.eq(self._config.exponential(x))
        return m


class DecisionSpecification(wiring.Component):
    """Take a logit a step and know the decision when a vector has ended.

    `total` is exact: wide enough for `n_logits` times the largest exponential. In the step after
    the last logit (`closing`), with ``x = maximum - threshold``::

        exit = x >= 0 and total <= E(x)                 if x < 2**W
        exit = total < 2**A                             otherwise

    Members
    -------
    logit, last, valid, tag : In
        One step's logit, as the unit takes it.
    step : In(1)
        Whether the unit moves in this cycle.
    threshold : In(signed(logit_width + 1))
        Sampled in the step after the last logit.
    running, closing : Out(1)
        A vector has begun and not ended; a vector ended in the step before.
    maximum, label, count, total, last_tag : Out
        Of the vector so far; when `closing` of the whole.
    smaller : Out(logit_width)
        What the last step added the exponential of, if `summed`.
    summed, led : Out(1)
        Whether the last step added anything, and whether its logit became the maximum.
    x : Out(signed(logit_width + 2))
    exit : Out(1)
        When `closing`: whether the exit is taken.
    """

    def __init__(self, config: DecisionConfig, n_logits: int):
        self._config = config
        super().__init__(
            {
                "logit": In(signed(config.logit_width)),
                "last": In(1),
                "valid": In(1),
                "tag": In(config.tag_width),
                "step": In(1),
                "threshold": In(signed(config.threshold_format.width)),
                "running": Out(1),
                "closing": Out(1),
                "maximum": Out(config.logit_width),
                "label": Out(config.label_width),
                "count": Out(range(n_logits + 1)),
                "total": Out(config.accumulator_width + n_logits.bit_length()),
                "last_tag": Out(config.tag_width),
                "smaller": Out(config.logit_width),
                "summed": Out(1),
                "led": Out(1),
                "x": Out(signed(config.logit_width + 2)),
                "exit": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.term = term = Exponential(config)
        m.submodules.bound = bound = Exponential(config)

        offset = Signal(config.logit_width)
        larger = Signal()
        m.d.comb += [
            offset.eq(self.logit - config.logit_format.low),
            larger.eq(offset > self.maximum),
            term.x.eq(Mux(larger, self.maximum, offset)),
        ]
        with m.If(self.step):
            m.d.sync += [self.closing.eq(self.valid & self.last), self.summed.eq(0), self.led.eq(0)]
        with m.If(self.step & self.valid):
            m.d.sync += [self.running.eq(~self.last), self.last_tag.eq(self.tag)]
            with m.If(self.running):
                m.d.sync += [
                    self.total.eq(self.total + term.value),
                    self.smaller.eq(term.x),
                    self.summed.eq(1),
                    self.count.eq(self.count + 1),
                ]
            with m.Else():
                m.d.sync += [self.total.eq(0), self.label.eq(0), self.count.eq(1)]
            with m.If(larger | ~self.running):
                m.d.sync += self.maximum.eq(offset)
            with m.If(larger & self.running):
                m.d.sync += [self.label.eq(self.count), self.led.eq(1)]

        m.d.comb += [self.x.eq(self.maximum - self.threshold), bound.x.eq(self.x)]
        with m.If(self.x < 0):
            m.d.comb += self.exit.eq(0)
        with m.Elif(self.x >= 1 << config.logit_width):
            m.d.comb += self.exit.eq(self.total < (1 << config.accumulator_width))
        with m.Else():
            m.d.comb += self.exit.eq(self.total <= bound.value)
        return m
