"""The usual fast unit: a pipelined softmax, with multipliers."""

from itertools import pairwise

from amaranth.hdl import Cat, EnableInserter, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.spec.baselines import SoftmaxConfig
from ..decision.payload import Decision, LogitBeat
from .exponentials import Exponentials, Origin
from .replay import Replay

__all__ = ["Reciprocal", "SoftmaxUnit"]


class Reciprocal(wiring.Component):
    """Compute ``1 / S`` as mantissa and exponent.

    The mantissa of S addresses a table of values and slopes; one small multiplication between.

    Latency: `latency` cycles. Throughput: one a cycle.

    Members
    -------
    total : In(sum_width)
        S with 15 bits after the point, at least 1.
    mantissa : Out(16)
        16 bits after the point.
    exponent : Out
        ``1 / S = mantissa / 2**16 / 2**exponent``.
    """

    latency = 6

    def __init__(self, config: SoftmaxConfig):
        self._config = config
        super().__init__(
            {
                "total": In(config.sum_width),
                "mantissa": Out(config.CONFIDENCE_BITS),
                "exponent": Out(range(config.sum_width - config.EXPONENTIAL_BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        n_exponents = config.sum_width - config.EXPONENTIAL_BITS
        fraction_bits = config.SEGMENTS_LOG2 + config.SEGMENT_BITS

        # where the leading one is
        total = Signal.like(self.total)
        exponents = [
            Signal.like(self.exponent, name=f"exponent_{k}") for k in range(self.latency - 1)
        ]
        m.d.sync += total.eq(self.total)
        for exponent in range(n_exponents):
            with m.If(self.total[config.EXPONENTIAL_BITS + exponent]):
                m.d.sync += exponents[0].eq(exponent)
        # it comes to the top and goes
        fraction = Signal(fraction_bits)
        scaled = total << (n_exponents - 1)
        m.d.sync += fraction.eq((scaled >> exponents[0])[n_exponents - 1 :])

        slope_width = max(config.slopes).bit_length()
        entry = data.StructLayout({"value": config.CONFIDENCE_BITS, "slope": slope_width})
        rows = zip(config.reciprocals, config.slopes, strict=True)
        m.submodules.table = table = Memory(
            shape=entry,
            depth=1 << config.SEGMENTS_LOG2,
            init=[{"value": value, "slope": slope} for value, slope in rows],
        )
        read_port = table.read_port()
        m.d.comb += read_port.addr.eq(fraction[config.SEGMENT_BITS :])
        places = [Signal(config.SEGMENT_BITS, name=f"place_{k}") for k in range(2)]
        line = Signal(entry)
        value = Signal(config.CONFIDENCE_BITS)
        fall = Signal(slope_width)
        m.d.sync += [
            places[0].eq(fraction[: config.SEGMENT_BITS]),
            # right behind the memory, which is slow, no logic
            line.eq(read_port.data),
            places[1].eq(places[0]),
            value.eq(line.value),
            fall.eq((line.slope * places[1]) >> config.SEGMENT_BITS),
            self.mantissa.eq(value - fall),
            *(later.eq(sooner) for sooner, later in pairwise(exponents)),
            self.exponent.eq(exponents[-1]),
        ]
        return m


class Probability(data.StructLayout):
    """The softmax of one class.

    Members
    -------
    value : 16
        16 bits after the point.
    last : 1
        Whether it is the last of its vector.
    """

    def __init__(self, config: SoftmaxConfig):
        super().__init__({"value": config.CONFIDENCE_BITS, "last": 1})


class SoftmaxUnit(wiring.Component):
    """Compute the softmax of every class, and decide by the largest.

    ::

        i ──> Exponentials ──> sum ──> Reciprocal ─────> product ──> probabilities
                    └────────> Replay ──────────────────────┘

    It equals `offramp.golden.baselines.probabilities` and `tabulated_confidence` bit for bit.

    Latency: 2 N + 9 cycles from the transfer of the last of N logits to `o.valid`, the last
    probability comes a cycle later; N + 10 cycles without probabilities. Throughput: one logit a
    cycle, no bubble between vectors of one length. `i.ready` depends on `i.payload.last`.

    While a decision or a probability waits the whole unit holds still.

    Parameters
    ----------
    config : SoftmaxConfig
    with_probabilities : bool
        Whether there is a stream of probabilities; without, the unit needs neither the third pass
        nor the large multiplier, for the largest probability is the reciprocal itself.

    Members
    -------
    i : In(stream of LogitBeat)
    o : Out(stream of Decision)
    probabilities : Out(stream of Probability)
        In the order of the classes.
    thresholds : In(unsigned(16)) [n_exits]
        Confidence with 16 bits after the point; that of the vector's exit counts while the decision
        is offered and must not change meanwhile.
    """

    def __init__(self, config: SoftmaxConfig, *, with_probabilities: bool = True):
        self.config = config
        self._with_probabilities = with_probabilities
        members = {
            "i": In(stream.Signature(LogitBeat(config))),
            "o": Out(stream.Signature(Decision(config))),
            "thresholds": In(unsigned(config.CONFIDENCE_BITS)).array(config.n_exits),
        }
        if with_probabilities:
            members["probabilities"] = Out(stream.Signature(Probability(config)))
        super().__init__(members)

    def latency(self, n_logits: int) -> int:
        """Return the cycles from the last of `n_logits` logits to the decision."""
        third_pass = n_logits - 1 if self._with_probabilities else 0
        # exponentials, sum, reciprocal, score
        return n_logits + 2 + 1 + Reciprocal.latency + 1 + third_pass

    def elaborate(self, platform):
        m = Module()
        config = self.config

        advance = Signal()
        hold = EnableInserter(advance)
        # the second pass waits with its last exponential until the third one is over
        forward = Signal()
        passes = EnableInserter(advance & forward)
        m.submodules.exponentials = exponentials = passes(Exponentials(config))
        m.submodules.reciprocal = reciprocal = hold(Reciprocal(config))
        open_for_beat = exponentials.ready_for_last | ~self.i.payload.last
        whole = Signal()
        m.d.comb += [
            exponentials.beat.eq(self.i.payload),
            exponentials.valid.eq(self.i.valid & open_for_beat),
            self.i.ready.eq(advance & forward & open_for_beat),
            whole.eq(forward & exponentials.o_valid & exponentials.last),
        ]

        total = Signal(config.sum_width)
        added = Signal.like(total)
        divisor = Signal.like(total, init=1 << config.EXPONENTIAL_BITS)
        # the origin goes along with the reciprocal
        origins = [
            Signal(Origin(config), name=f"origin_{k}") for k in range(Reciprocal.latency + 1)
        ]
        m.d.comb += [
            added.eq(Mux(exponentials.first, 0, total) + exponentials.value),
            reciprocal.total.eq(divisor),
        ]
        with m.If(advance):
            with m.If(forward & exponentials.o_valid):
                m.d.sync += total.eq(added)
            with m.If(whole):
                m.d.sync += [divisor.eq(added), origins[0].eq(exponentials.origin)]
            for sooner, later in pairwise(origins):
                m.d.sync += later.eq(sooner)

        finished = Signal()
        if self._with_probabilities:
            m.d.comb += finished.eq(self._multiply(m, exponentials, reciprocal, advance, forward))
        else:
            m.d.comb += [advance.eq(~self.o.valid | self.o.ready), forward.eq(1)]
            reached = Signal(Reciprocal.latency + 1)
            m.d.comb += finished.eq(reached[-1])
            with m.If(advance):
                m.d.sync += reached.eq(Cat(whole, reached))

        score = Signal(config.CONFIDENCE_BITS)
        decided = Signal(Origin(config))
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(finished),
                # the exponential of the largest logit is 1
                score.eq(reciprocal.mantissa >> reciprocal.exponent),
                decided.eq(origins[-1]),
            ]
        with m.Elif(self.o.ready):
            # taken while the unit waits for a probability to be
            m.d.sync += self.o.valid.eq(0)

        threshold = Signal(config.CONFIDENCE_BITS)
        m.d.comb += threshold.eq(self.thresholds[0])
        with m.Switch(decided.exit_index):
            for exit_index in range(1, config.n_exits):
                with m.Case(exit_index):
                    m.d.comb += threshold.eq(self.thresholds[exit_index])
        m.d.comb += [
            self.o.payload.exit.eq(score >= threshold),
            self.o.payload.label.eq(decided.label),
            self.o.payload.exit_index.eq(decided.exit_index),
        ]
        if config.with_score:
            m.d.comb += self.o.payload.score.eq(score)
        if config.tag_width:
            m.d.comb += self.o.payload.tag.eq(decided.tag)
        return m

    def _multiply(self, m: Module, exponentials, reciprocal, advance, forward) -> Signal:
        """Build the third pass; return whether the last factor of a vector is at the multiplier."""
        config = self.config
        width = config.EXPONENTIAL_BITS + 1
        m.submodules.replay = replay = EnableInserter(advance)(Replay(width, config.label_width))
        m.d.comb += [
            forward.eq(replay.ready_for_last | ~(exponentials.o_valid & exponentials.last)),
            advance.eq(
                (~self.o.valid | self.o.ready)
                & (~self.probabilities.valid | self.probabilities.ready)
            ),
            replay.value.eq(exponentials.value),
            replay.last.eq(exponentials.last),
            replay.valid.eq(exponentials.o_valid & forward),
        ]

        # factors wait for the reciprocal, which is there 7 cycles after the last exponential
        factor = data.StructLayout({"value": width, "last": 1, "valid": 1})
        n_waiting = Reciprocal.latency - 1
        waiting = [Signal(factor, name=f"factor_{k}") for k in range(n_waiting)]
        at_multiplier = waiting[-1]
        product = Signal(width + config.CONFIDENCE_BITS)
        exponent = Signal.like(reciprocal.exponent)
        multiplied = Signal()
        was_last = Signal()
        with m.If(advance):
            m.d.sync += [
                waiting[0].value.eq(replay.o_value),
                waiting[0].last.eq(replay.o_last),
                waiting[0].valid.eq(replay.o_valid),
                *(later.eq(sooner) for sooner, later in pairwise(waiting)),
                product.eq(at_multiplier.value * reciprocal.mantissa),
                exponent.eq(reciprocal.exponent),
                multiplied.eq(at_multiplier.valid),
                was_last.eq(at_multiplier.last),
                self.probabilities.valid.eq(multiplied),
                self.probabilities.payload.value.eq(product[config.EXPONENTIAL_BITS :] >> exponent),
                self.probabilities.payload.last.eq(was_last),
            ]
        with m.Elif(self.probabilities.ready):
            m.d.sync += self.probabilities.valid.eq(0)
        return at_multiplier.valid & at_multiplier.last
