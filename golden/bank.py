"""The decision unit with buses as an integer model: registers, budget guard and counters.

It knows no cycles but those it is told of. What happens in one clock cycle of the hardware is, in
this order: a vector is taken (its last beat), a write takes effect, a decision is handed over. Only
a write to the status comes before the vector: a flag that is set when it is cleared stays set.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .criteria import PatienceMemory
from .decision import Integers, Logits
from .spec.criteria import Criterion
from .spec.decision import DecisionConfig
from .spec.decision_registers import decision_registers
from .spec.decision_streams import legal_logits
from .spec.histogram import histogram_bin
from .spec.registers import WORD_MASK
from .spec.rules import ExitRule
from .unit_model import rule_score


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A vector of logits as it comes over the bus.

    Attributes
    ----------
    logits : tuple of int
        In the format of the configuration, any number from 1; of `logits_of_beats`.
    exit_index, tag : int
        As in the TUSER of the last beat.
    keep : bool
        Whether the TKEEP of all beats was legal.
    """

    logits: tuple[int, ...]
    exit_index: int = 0
    tag: int = 0
    keep: bool = True


@dataclass(frozen=True, kw_only=True)
class BankDecision:
    """A decision: what goes over the bus, named as the words' fields, and its histogram bin."""

    exit: bool
    forced: bool
    error: bool
    label: int
    score: int
    exit_index: int
    tag: int
    bin: int

    def on_bus(self) -> dict[str, int]:
        """Return what goes over the bus, by field."""
        return {name: value for name, value in asdict(self).items() if name != "bin"}


class DecisionBank:
    """Registers and counters around the decision on single vectors.

    Parameters
    ----------
    config : DecisionConfig

    Attributes
    ----------
    registers : RegisterMap
    cycles : int
        Clock cycles in which the unit was enabled.
    """

    def __init__(self, config: DecisionConfig):
        self.config = config
        self.registers = decision_registers(config)
        self.reset()

    def reset(self) -> None:
        """Take the state after reset.

        What patience knows of samples is then as if there had been none; the hardware's memory
        keeps it, which shows only in a sample that does not begin at exit 0.
        """
        self.cycles = 0
        self._cycles_high = 0
        self._memory = PatienceMemory(self.config)
        self._words = {
            address: register.reset
            for register in self.registers.registers
            for address in register.addresses
        }

    @property
    def enabled(self) -> bool:
        """Whether the unit begins new vectors."""
        return bool(self._field("control", "enable"))

    def run(self, cycles: int) -> None:
        """Let clock cycles pass."""
        if self.enabled:
            self.cycles = (self.cycles + cycles) % (1 << 64)

    # -- the streams -----------------------------------------------------------------------------

    def take(self, vector: Vector) -> BankDecision:
        """Decide a vector whose last beat is taken now, by the registers as they stand."""
        config = self.config
        errors = {
            "short_vector": len(vector.logits) < 2,
            "long_vector": len(vector.logits) > config.n_classes,
            "exit_index": vector.exit_index >= config.n_exits,
            "keep": not vector.keep,
        }
        status = self.registers["status"]
        self._words[status.offset] |= status.pack(
            {name: int(error) for name, error in errors.items()}
        )
        error = any(errors.values())

        logits = np.array([legal_logits(config, vector.logits)], dtype=np.int64)
        label = int(logits.argmax())
        # an exit that there is not counts as the first
        index = 0 if errors["exit_index"] else vector.exit_index
        criterion = self._criterion(index)
        # patience keeps count whatever is selected
        patience = self._memory.score([label], [index], [vector.tag])
        score = int(
            (patience if criterion == Criterion.PATIENCE else self._score(index, logits))[0]
        )
        taken = forced = False
        if not error:
            enabled = bool(self._field("exit_control", "enable", index))
            taken = enabled and score >= self._field("threshold", "score", index)
            guarded = bool(self._field("budget_guard", "enable"))
            forced = guarded and index >= self._field("budget_guard", "exit_index") and not taken
        return BankDecision(
            exit=taken or forced,
            forced=forced,
            error=error,
            label=label,
            score=score,
            exit_index=vector.exit_index,
            tag=vector.tag,
            bin=histogram_bin(config, criterion, score),
        )

    def _criterion(self, exit_index: int) -> Criterion:
        return list(Criterion)[self._field("exit_control", "criterion", exit_index)]

    def _score(self, exit_index: int, logits: Logits) -> Integers:
        """Return the score of a vector [1, N] by the criterion of an exit, but patience."""
        criterion = self._criterion(exit_index)
        gate: dict[str, Any] = {}
        if criterion == Criterion.GATE:
            gate["offset"] = self._field("gate_bias", "bias", exit_index)
            gate["weights"] = {
                str(name): self._field(f"weight_{name}", "weight", exit_index)
                for name in self.config.features
            }
        # of the rule only what makes the score
        return rule_score(self.config, ExitRule(threshold=0, criterion=criterion, **gate), logits)

    def hand_over(self, decision: BankDecision) -> None:
        """Count a decision that the receiver takes now."""
        if decision.error:
            return
        self._count("seen", decision.exit_index)
        if decision.exit:
            self._count("exited", decision.exit_index)
        self._count("histogram", decision.exit_index, decision.bin)

    def _count(self, name: str, *index: int) -> None:
        address = self.registers.address(name, *index)
        self._words[address] = (self._words[address] + 1) & WORD_MASK

    # -- the registers ---------------------------------------------------------------------------

    def read(self, address: int) -> int | None:
        """Return the word at a byte address; None where a read is an error."""
        found = self.registers.find(address)
        if found is None:
            return None
        name = found[0].name
        if name == "cycles_low":
            self._cycles_high = self.cycles >> 32
            return self.cycles & WORD_MASK
        return self._cycles_high if name == "cycles_high" else self._words[address]

    def write(self, address: int, word: int, *, strobes: int = 0b1111) -> bool:
        """Write a word; return False, and change nothing, where that is an error."""
        found = self.registers.find(address)
        if found is None or strobes != 0b1111 or not found[0].accepts(word):
            return False
        register = found[0]
        self._words[address] = register.written(self._words[address], word)
        if register.name == "control" and word & register.field("clear_counters").mask:
            self._clear_counters()
        return True

    def _clear_counters(self) -> None:
        self.cycles = 0
        for register in self.registers.registers:
            if register.memory:
                for address in register.addresses:
                    self._words[address] = 0

    def _field(self, register: str, field: str, *index: int) -> int:
        found = self.registers[register]
        return found.field(field).extract(self._words[found.address(*index)])
