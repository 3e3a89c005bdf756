"""The parts of a decision unit with several lanes, and the registers between them."""

from dataclasses import replace

from amaranth.hdl import Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.decision import DecisionConfig
from .accumulator import Sum
from .companions import companion_names
from .exponential import Exponential
from .lane_label import LaneLabel, LaneSlot
from .lane_maximum import LaneMaximum
from .lane_sum import LaneAccumulator, LaneAdder
from .log_odds import LogOdds
from .payload import Decision, LogitBeat
from .running_maximum import RunningMaximum
from .steps import delayed, of_exit

__all__ = ["LanePipeline"]


class LanePipeline(wiring.Component):
    """Decide vectors, several logits a cycle; the unit's streams without their handshake.

    ::

        beat ──> LaneMaximum ──winner──> RunningMaximum ──> Exponential ─┬──────────── limit ─┐
                      │                                                  └> LaneAdder         │
                      └──losers──> Exponential of each ──> LaneAdder ... ──────┴──> LaneAccumulator

    A beat sends all its logits but the largest into the sum, and the smaller of that and the
    maximum so far; so the sum holds all logits of the vector but one maximum. What `RunningMaximum`
    sends on in a closing slot is not summed but compared with the sum.

    Latency: `latency` cycles from the last beat to `decided`: one that closes the vector, the
    rounds of `LaneMaximum` and the adders behind, one for each register but "operand", which is
    always there. Vectors may follow each other in every cycle.

    Members
    -------
    beat : In(LogitBeat)
    valid : In(1)
        Whether there is a beat.
    thresholds : In(signed) [n_exits]
        That of the vector's exit is sampled with the last beat.
    decided : Out(1)
    decision : Out(Decision)
        Of the vector that is decided in this cycle.
    """

    def __init__(self, config: DecisionConfig):
        self._config = config
        self._maximum = LaneMaximum(config)
        self._score = LogOdds(config) if config.with_score else None
        rounds = self._maximum.latency
        # after how many cycles the losers of each round enter the sum: that of the last round is
        # held back where it would find no partner
        self._enters = [*range(1, rounds), rounds + rounds % 2]
        # and when they are one sum
        self._summed = max(self._enters) + rounds // 2
        self._exponential_latency = len({"mantissa", "addend"}.intersection(config.registers))
        self.latency = (
            1
            + int("input" in config.registers)
            + self._summed
            + self._exponential_latency
            + LaneAdder.latency
            + int("decision" in config.registers)
            + (self._score.latency if self._score else 0)
        )
        super().__init__(
            {
                "beat": In(LogitBeat(config)),
                "valid": In(1),
                "thresholds": In(signed(config.threshold_format.width)).array(config.n_exits),
                "decided": Out(1),
                "decision": Out(Decision(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.maximum = maximum = self._maximum
        # the register "input" is in front of both maxima here
        later = tuple(name for name in config.registers if name != "input")
        m.submodules.running_maximum = running = RunningMaximum(replace(config, registers=later))
        m.submodules.accumulator = accumulator = LaneAccumulator(config)
        m.submodules.label = label = LaneLabel(config)

        companions = self._elaborate_input(m, maximum, running)

        # -- the losers of each beat, as one sum -------------------------------------------------
        losers = iter(maximum.losers)
        sums = []
        for cycle in range(1, self._summed + 1):
            sums = [
                self._add(m, f"adder_{cycle}_{place}", *pair)
                for place, pair in enumerate(zip(sums[::2], sums[1::2], strict=True))
            ]
            for number, enters in enumerate(self._enters, start=1):
                if enters == cycle:
                    sums += [
                        self._addend(m, next(losers), enters - number)
                        for _ in range(config.lanes >> number)
                    ]
        (of_losers,) = sums

        # -- the smaller of its largest and the maximum so far; or the limit, when closing -------
        wait = self._summed - maximum.latency
        slot = Signal(LaneSlot(config))
        m.d.comb += [
            slot.slot.eq(running.slot),
            slot.counts.eq(running.valid),
            slot.lane.eq(maximum.lane),
        ]
        operand = delayed(m, running.operand, wait, "operand")
        slot = delayed(m, slot, wait, "slot", reset_less=False)
        value = self._exponential(m, "running", operand, slot.slot.closing)
        never = delayed(m, operand.never & operand.void, self._exponential_latency, "never")
        slot = delayed(m, slot, self._exponential_latency, "slot_of_addend", reset_less=False)
        # the first beat of a vector has nothing to be compared with
        joined = self._add(m, "adder", of_losers, value, without_b=slot.slot.between)
        slot = delayed(m, slot, LaneAdder.latency, "slot_of_sum", reset_less=False)
        m.d.comb += [
            accumulator.addend.eq(joined),
            accumulator.limit.value.eq(delayed(m, value.value, LaneAdder.latency, "limit")),
            accumulator.limit.never.eq(delayed(m, never, LaneAdder.latency, "limit_never")),
            accumulator.between.eq(slot.slot.between),
        ]

        # -- the decision ------------------------------------------------------------------------
        behind = accumulator.latency
        exit_taken = accumulator.exit
        if self._score:
            m.submodules.log_odds = log_odds = self._score
            until_total = wait + self._exponential_latency + LaneAdder.latency + behind
            complement = delayed(m, running.complement, until_total, "complement")
            m.d.comb += [
                log_odds.total.eq(accumulator.total),
                log_odds.maximum.eq(~complement),
                self.decision.score.eq(log_odds.score),
            ]
            exit_taken = delayed(m, exit_taken, log_odds.latency, "exit")
            behind += log_odds.latency
        slot = delayed(m, slot, behind, "slot_of_decision", reset_less=False)
        m.d.comb += [
            label.i.eq(slot),
            self.decided.eq(slot.slot.closing),
            self.decision.exit.eq(exit_taken),
            self.decision.label.eq(label.label),
        ]
        for name, companion in companions.items():
            m.d.comb += self.decision[name].eq(delayed(m, companion, self.latency, name))
        return m

    def _elaborate_input(self, m, maximum, running):
        """Feed both maxima; return what is given with the last beat."""
        config = self._config
        threshold = of_exit(m, self.thresholds, self.beat.exit_index)
        registered = int("input" in config.registers)
        beat = delayed(m, self.beat, registered, "beat")
        valid = delayed(m, self.valid, registered, "valid", reset_less=False)

        kept = valid
        m.d.comb += maximum.kept[0].eq(kept)
        for lane in range(1, config.lanes):
            kept = kept & (beat.keep[lane] | ~beat.last)
            m.d.comb += maximum.kept[lane].eq(kept)
        for entrant, logit in zip(maximum.logits, beat.logits, strict=True):
            m.d.comb += entrant.eq(logit)

        rounds = maximum.latency
        m.d.comb += [
            running.logit.eq(maximum.winner),
            running.valid.eq(delayed(m, valid, rounds, "valid_of_winner", reset_less=False)),
            running.last.eq(delayed(m, beat.last, rounds, "last_of_winner")),
            # the closing slot comes one cycle later
            running.threshold.eq(delayed(m, threshold, registered + rounds + 1, "threshold")),
        ]
        return {name: self.beat[name] for name in companion_names(config)}

    def _addend(self, m, loser, wait):
        """Return the exponential of a loser that waits, 0 if it is void."""
        name = f"loser_{loser.as_value().name}"
        loser = delayed(m, loser, wait, name)
        return self._exponential(m, name, loser, Const(0))

    def _exponential(self, m, name, operand, closing):
        """Return the exponential of an operand, 0 if it is void, as a sum."""
        config = self._config
        m.submodules[f"exponential_{name}"] = exponential = Exponential(config)
        m.d.comb += [
            exponential.complement.eq(operand.complement),
            exponential.closing.eq(closing),
        ]
        void = delayed(m, operand.void, exponential.latency, f"void_{name}")
        value = Signal(config.accumulator_width, name=f"value_{name}", reset_less=True)
        domain = m.d.sync if "addend" in config.registers else m.d.comb
        domain += value.eq(exponential.value)
        with m.If(void):
            domain += value.eq(0)
        addend = Signal(Sum(config), name=f"addend_{name}")
        m.d.comb += [addend.value.eq(value), addend.overflow.eq(0)]
        return addend

    def _add(self, m, name, a, b, without_b=0):
        """Return the sum of two sums, one cycle later."""
        m.submodules[name] = adder = LaneAdder(self._config)
        m.d.comb += [adder.a.eq(a), adder.b.eq(b), adder.without_b.eq(without_b)]
        return adder.o
