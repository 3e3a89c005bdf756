"""The exit decision: configuration, exponential table, thresholds and the exact certificate.

With integer logits ``z_i`` on the base-2 grid (one LSB is ``2**-fraction_bits`` octaves), winner
``z_max`` at ``label`` (the lowest index wins ties) and threshold ``lam``, the confidence criterion
``softmax(z)_label >= T`` is the same as ::

    sum over i != label of 2**(z_i / 2**F)  <=  2**((z_max - lam) / 2**F)
    lam = 2**F * log2(T / (1 - T))

The unit replaces ``2**(x / 2**F)`` by the integer exponential ``E(x) = c[x mod 2**F] << (x >> F)``
on the offset logit ``x = z + 2**(W-1) >= 0`` and sums exactly.

Logits may span more octaves than an accumulator has bits. They are then divided into blocks of
`BLOCK_OCTAVES`; those in the block of the largest logit and in the block below are summed, the
others are more than `BLOCK_OCTAVES` octaves below it and add nothing. That is a window of
`OCTAVES_MAX` octaves, in which x is taken from its lower end on.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from itertools import pairwise
from math import ceil, floor, log2

from .checks import require_choice, require_int
from .criteria import (
    FEATURES,
    GATE_WEIGHT,
    PATIENCE_TAG_WIDTH_MAX,
    Criterion,
    EntropyArithmetic,
)
from .numbers import IntegerFormat

LANES = (1, 2, 4, 8)
"""How many logits the unit can take in a cycle."""

OCTAVES_MAX = 64
"""Most octaves that are summed: the accumulator has a bit for each."""

BLOCK_OCTAVES = OCTAVES_MAX // 2
"""Where logits span more, those in the block of the largest one and in the block below count."""

DEFAULT_REGISTERS = ("operand", "addend", "decision")
"""Pipeline registers unless given."""

EXITS_MAX = 16
"""Most exits with a threshold of their own."""

SCORE_LATENCY = 4
"""Cycles that a score takes behind the sum."""

PIPELINE_REGISTERS = ("input", "operand", "threshold", "mantissa", "addend", "decision")
"""Where the unit can have pipeline registers, in the order in which a logit meets them."""


@dataclass(frozen=True, kw_only=True)
class DecisionConfig:
    """Parameters of one exit decision unit; the one source for golden model, RTL and documents.

    Parameters
    ----------
    n_classes : int
        Largest number of logits in a vector, 2 to 1024; each vector may be shorter (at least 2).
    logit_width : int
        Bits of a signed logit, 4 to 16. Of more than 64 octaves (above F + 6) the confidence sums
        those in a window, see `window_loss`.
    fraction_bits : int
        F, 2 to 6: one LSB of a logit is ``2**-F`` octaves (factors of two of the softmax).
    mantissa_bits : int
        Bits of an entry of the exponential table, 4 to 10; sets the error (see `spread_power`).
    n_exits : int
        Exits with a threshold of their own, 1 to 16.
    tag_width : int
        Bits of the sample tag that travels with a vector, 0 (no tag) to 32; 1 or more with patience
        and with criteria that do not share a datapath.
    with_score : bool
        Whether a decision carries its score; that takes `SCORE_LATENCY` cycles and as much area
        again.
    registers : tuple of str
        Pipeline registers, some of `PIPELINE_REGISTERS`; each is a cycle of latency. With several
        lanes "operand" is always there and "threshold" never; with a window none can be chosen.
    criteria : tuple of str
        Names of the criteria that are present, of `Criterion`; kept in the order of that.
    lanes : int
        Logits taken in a cycle, 1, 2, 4 or 8; more than one without the entropy only.

    Raises
    ------
    TypeError, ValueError
        A parameter is no integer or out of range.
    """

    n_classes: int = 10
    logit_width: int = 8
    fraction_bits: int = 3
    mantissa_bits: int = 7
    n_exits: int = 2
    tag_width: int = 8
    with_score: bool = True
    registers: tuple[str, ...] = DEFAULT_REGISTERS
    criteria: tuple[str, ...] = (Criterion.CONFIDENCE,)
    lanes: int = 1

    def __post_init__(self) -> None:
        require_int("Number of classes", self.n_classes, 2, 1024)
        require_int("Logit width", self.logit_width, 4, 16)
        require_int("Fraction bits", self.fraction_bits, 2, 6)
        require_int("Mantissa bits", self.mantissa_bits, 4, 10)
        require_int("Number of exits", self.n_exits, 1, EXITS_MAX)
        require_int("Tag width", self.tag_width, 0, 32)
        self._check_criteria()
        self._check_lanes()
        # units of several criteria, and that of patience, always carry tag and score
        if not self.has_choice_of_fields:
            require_int("Tag width", self.tag_width, 1, 32)
        if not isinstance(self.with_score, bool):
            raise TypeError(f"With score must be True or False, not {self.with_score!r}")
        if not (self.with_score or self.has_choice_of_fields):
            where, lean = "", "confidence, margin, both, or entropy"
            if self.lanes > 1:
                where, lean = f" with {self.lanes} lanes", "confidence or margin"
            elif self.windowed:
                where, lean = f" in {self.logit_width}-bit logits", "confidence, margin or entropy"
            raise ValueError(
                f"Criteria without score{where} must be {lean}, not {', '.join(self.criteria)}"
            )
        if self.registers != tuple(name for name in PIPELINE_REGISTERS if name in self.registers):
            raise ValueError(
                f"Registers must be a tuple of {', '.join(PIPELINE_REGISTERS)} in this order, "
                f"not {self.registers!r}"
            )
        if self.fraction_bits >= self.logit_width:
            raise ValueError(
                f"Fraction bits must be below the logit width {self.logit_width}, "
                f"not {self.fraction_bits}"
            )
        self._check_window()

    def _check_window(self) -> None:
        if not self.windowed:
            return
        limit = f"at most {self.window_width} ({OCTAVES_MAX} octaves)"
        if self.lanes > 1 and Criterion.CONFIDENCE in self.criteria:
            raise ValueError(
                f"Logit width of the confidence with {self.lanes} lanes and "
                f"{self.fraction_bits} fraction bits must be {limit}, not {self.logit_width}"
            )
        if self.has_plain_criteria and self.registers != DEFAULT_REGISTERS:
            raise ValueError(
                f"Logit width with registers other than {', '.join(DEFAULT_REGISTERS)} "
                f"must be {limit}, not {self.logit_width}"
            )

    def _check_criteria(self) -> None:
        if not isinstance(self.criteria, tuple):
            raise TypeError(f"Criteria must be a tuple of names, not {self.criteria!r}")
        for name in self.criteria:
            require_choice("Criterion", name, Criterion)
        if not self.criteria or len(set(self.criteria)) != len(self.criteria):
            raise ValueError(f"Criteria must be one or more different ones, not {self.criteria!r}")
        ordered = tuple(criterion for criterion in Criterion if criterion in self.criteria)
        object.__setattr__(self, "criteria", ordered)
        if Criterion.GATE in ordered and not self.features:
            raise ValueError(
                f"Criteria with gate must have one of {', '.join(FEATURES)}, "
                f"not {', '.join(ordered)}"
            )
        if Criterion.PATIENCE in ordered:
            require_int("Number of exits with patience", self.n_exits, 2, EXITS_MAX)
        if Criterion.PATIENCE in ordered and self.tag_width > PATIENCE_TAG_WIDTH_MAX:
            raise ValueError(
                f"Tag width with patience must be in 1..{PATIENCE_TAG_WIDTH_MAX}, "
                f"not {self.tag_width!r}"
            )

    def _check_lanes(self) -> None:
        if isinstance(self.lanes, bool) or not isinstance(self.lanes, int):
            raise TypeError(f"Lanes must be an integer, not {self.lanes!r}")
        if self.lanes not in LANES:
            raise ValueError(
                f"Lanes must be one of {', '.join(map(str, LANES))}, not {self.lanes!r}"
            )
        if self.lanes > 1 and Criterion.ENTROPY in self.criteria:
            raise ValueError(
                f"Criteria with {self.lanes} lanes must be without entropy, "
                f"not {', '.join(self.criteria)}"
            )
        if self.lanes > 1 and "threshold" in self.registers:
            raise ValueError(
                f"Registers with {self.lanes} lanes must be without threshold, "
                f"not {self.registers!r}"
            )

    # -- formats ---------------------------------------------------------------------------------

    @property
    def logit_format(self) -> IntegerFormat:
        """Format of a logit."""
        return IntegerFormat(self.logit_width, signed=True)

    @property
    def threshold_format(self) -> IntegerFormat:
        """Format of a threshold and of a score: a difference of two logits in the window."""
        return IntegerFormat(self.window_width + 1, signed=True)

    @property
    def threshold_low(self) -> int:
        """Smallest legal threshold; the value below it is the score of an overflown sum."""
        return self.threshold_format.low + 1

    @property
    def threshold_high(self) -> int:
        """Largest legal threshold, and score: of others so low there may be any number."""
        if self.windowed:
            return BLOCK_OCTAVES << self.fraction_bits
        return self.threshold_format.high

    @property
    def has_plain_criteria(self) -> bool:
        """Whether these are confidence, or confidence and margin, which share a datapath.

        They do not where the confidence looks through a window and the margin does not, and not
        with several lanes.
        """
        plain = {Criterion.CONFIDENCE}
        if not self.windowed and self.lanes == 1:
            plain.add(Criterion.MARGIN)
        return Criterion.CONFIDENCE in self.criteria and plain.issuperset(self.criteria)

    @property
    def has_choice_of_fields(self) -> bool:
        """Whether tag and score can be left out: the unit is one core, and joins no scores."""
        alone = (Criterion.MARGIN,), (Criterion.ENTROPY,)
        return self.has_plain_criteria or self.criteria in alone

    @property
    def latency(self) -> int:
        """Cycles from the last logit to the decision, of the plain criteria."""
        return 1 + len(self.registers) + (SCORE_LATENCY if self.with_score else 0)

    @property
    def features(self) -> tuple[Criterion, ...]:
        """Criteria present whose scores the gate weighs."""
        return tuple(feature for feature in FEATURES if feature in self.criteria)

    @cached_property
    def entropy(self) -> EntropyArithmetic:
        """Tables and widths of the entropy."""
        return EntropyArithmetic(
            n_classes=self.n_classes,
            logit_width=self.logit_width,
            fraction_bits=self.fraction_bits,
        )

    def score_format_of(self, criterion: str) -> IntegerFormat:
        """Return the format of the score of one criterion."""
        if criterion == Criterion.ENTROPY:
            return EntropyArithmetic.SCORE_FORMAT
        if criterion == Criterion.GATE:
            # up to three products and a bias as large as one
            widest = max(self.score_format_of(feature).width for feature in self.features)
            return IntegerFormat(widest + GATE_WEIGHT.width + 2, signed=True)
        if criterion == Criterion.MARGIN:
            return IntegerFormat(self.logit_width + 1, signed=True)
        return self.threshold_format

    @property
    def score_format(self) -> IntegerFormat:
        """Format of a score and of a threshold that fits all criteria present."""
        return IntegerFormat(
            max(self.score_format_of(criterion).width for criterion in self.criteria), signed=True
        )

    @property
    def label_width(self) -> int:
        """Bits of a class index."""
        return (self.n_classes - 1).bit_length()

    @property
    def exit_index_width(self) -> int:
        """Bits of an exit index; one bit, always 0, if there is one exit only."""
        return max(1, (self.n_exits - 1).bit_length())

    @property
    def windowed(self) -> bool:
        """Whether logits span more than `OCTAVES_MAX` octaves."""
        return 1 << (self.logit_width - self.fraction_bits) > OCTAVES_MAX

    @property
    def window_width(self) -> int:
        """Bits of an offset logit in the window; of any where there is none."""
        window = self.fraction_bits + OCTAVES_MAX.bit_length() - 1
        return window if self.windowed else self.logit_width

    @property
    def block_width(self) -> int:
        """Bits of an offset logit in its block, with a window."""
        return self.window_width - 1

    @property
    def octaves(self) -> int:
        """Octaves that are summed: ``2**(window_width - fraction_bits)``."""
        return 1 << (self.window_width - self.fraction_bits)

    @property
    def accumulator_width(self) -> int:
        """Bits of the sum: all of the largest addend; a sum beyond is a sticky overflow."""
        return self.mantissa_bits + self.octaves - 1

    # -- the integer exponential -----------------------------------------------------------------

    @cached_property
    def table(self) -> tuple[int, ...]:
        """Mantissas c[0..2**F-1], each with its top bit set, non-decreasing, c[-1] <= 2 c[0]."""
        return _mantissas(self.fraction_bits, self.mantissa_bits)

    def exponential(self, x: int) -> int:
        """Return E(x), the integer exponential of an offset logit, with a window of one in it.

        0 below the range and all ones above it: a negative `x` exits for no sum, one beyond the
        range for every sum that did not overflow.
        """
        if x < 0:
            return 0
        if x >= 1 << self.window_width:
            return (1 << self.accumulator_width) - 1
        return self.table[x % (1 << self.fraction_bits)] << (x >> self.fraction_bits)

    # -- thresholds ------------------------------------------------------------------------------

    def confidence_of_threshold(self, threshold: int) -> float:
        """Return the effective confidence threshold ``T = 1 / (1 + 2**(-lam / 2**F))``."""
        return float(1.0 / (1.0 + 2.0 ** (-threshold / (1 << self.fraction_bits))))

    def threshold_of_confidence(
        self, confidence: float, *, n_classes: int | None = None, sound: bool = False
    ) -> int:
        """Return the threshold register's value for a confidence threshold.

        Parameters
        ----------
        confidence : float
            T, in (1/N, 1): no softmax of N classes has a maximum below 1/N.
        n_classes : int, optional
            N, `n_classes` of the configuration unless given.
        sound : bool
            Take the smallest threshold that never exits below T, table error and logits below
            the window included (``rho 2**(-lam / 2**F) + window_loss <= (1-T)/T``), instead of
            the nearest one.

        Raises
        ------
        ValueError
            If `confidence` lies outside (1/N, 1) or needs a threshold beyond the register.
        """
        n = (
            self.n_classes
            if n_classes is None
            else require_int("Number of classes", n_classes, 2, self.n_classes)
        )
        if not 1 / n < confidence < 1:
            raise ValueError(
                f"Confidence threshold must be in (1/{n}, 1) for {n} classes, not {confidence!r}"
            )
        steps = 1 << self.fraction_bits
        log_odds = steps * log2(confidence / (1 - confidence))
        if sound:
            # the float only proposes; the exact inequality, raised to the power 2**F, decides
            odds = (1 - Fraction(confidence)) / Fraction(confidence) - self.window_loss(n)
            threshold = floor(log_odds) - 2
            while threshold <= self.threshold_high and (
                odds <= 0 or self.spread_power / Fraction(2) ** threshold > odds**steps
            ):
                threshold += 1
        else:
            threshold = floor(log_odds + 0.5)
        # below the register all is sure enough
        threshold = max(threshold, self.threshold_low)
        if threshold > self.threshold_high:
            reachable = self.confidence_of_threshold(self.threshold_high)
            if sound:
                reachable = 1 / (1 / reachable + float(self.window_loss(n)))
            raise ValueError(
                f"Confidence threshold must be at most {reachable!r} with {self.logit_width}-bit "
                f"logits and {self.fraction_bits} fraction bits, not {confidence!r}"
            )
        return threshold

    # -- the certificate -------------------------------------------------------------------------

    @cached_property
    def spread_power(self) -> Fraction:
        """Exact ``rho**(2**F)``, rho the spread max/min of ``c[r] / 2**(r / 2**F)``.

        Without overflow, for every N and every input: an exit at threshold lam implies
        ``p >= 1 / (1 + rho 2**(-lam / 2**F) + window_loss(N))``; no exit implies
        ``p < 1 / (1 + 2**(-lam / 2**F) / rho)``.
        """
        steps = 1 << self.fraction_bits
        powers = [Fraction(c**steps, 1 << r) for r, c in enumerate(self.table)]
        return max(powers) / min(powers)

    def window_loss(self, n_classes: int) -> Fraction:
        """Return more than all logits below the window sum to, over that of the largest one.

        Each of the others may be one of them, by more than `BLOCK_OCTAVES` octaves below it: in
        all less than ``(N - 1) 2**-BLOCK_OCTAVES``. 0 without a window.
        """
        return Fraction(n_classes - 1, 1 << BLOCK_OCTAVES) if self.windowed else Fraction(0)

    @property
    def spread(self) -> float:
        """Rho as a float, for display."""
        return float(float(self.spread_power) ** (1 / (1 << self.fraction_bits)))

    # -- text ------------------------------------------------------------------------------------

    def describe(self) -> dict[str, int]:
        """Return the parameters by name, for headers and reports."""
        return {
            "classes": self.n_classes,
            "logit_width": self.logit_width,
            "fraction_bits": self.fraction_bits,
            "mantissa_bits": self.mantissa_bits,
            "exits": self.n_exits,
            "tag_width": self.tag_width,
            "lanes": self.lanes,
        }


@cache
def _mantissas(fraction_bits: int, mantissa_bits: int) -> tuple[int, ...]:
    """Round ``k 2**(r / 2**F)`` for the scale k whose rounded entries have the least spread.

    The entries change only where ``k 2**(r / 2**F)`` crosses a half, so one k between each pair
    of neighbouring crossings is tried.
    """
    steps = 1 << fraction_bits
    growth = [2.0 ** (r / steps) for r in range(steps)]
    low, high = 1 << (mantissa_bits - 1), (1 << mantissa_bits) - 1
    crossings = {
        (m + 0.5) / g for g in growth for m in range(low - 1, high + 1) if low <= (m + 0.5) / g
    }
    edges = sorted({float(low), *(k for k in crossings if k < 2 * low)})
    best: tuple[float, tuple[int, ...]] | None = None
    for left, right in pairwise(edges):
        k = (left + right) / 2
        entries = tuple(min(high, ceil(k * g - 0.5)) for g in growth)
        if entries[-1] > 2 * entries[0]:
            continue
        errors = [entry / g for entry, g in zip(entries, growth, strict=True)]
        spread = max(errors) / min(errors)
        if best is None or spread < best[0]:
            best = (spread, entries)
    if best is None:
        raise AssertionError("no monotone table: the checks of DecisionConfig let one through")
    return best[1]
