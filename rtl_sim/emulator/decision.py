"""The decision unit's RTL behind a batch call."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...golden.criteria import check_any_threshold
from ...golden.decision import Decisions, Logits, check_logits
from ...golden.spec.checks import require_int
from ...golden.spec.criteria import GATE_WEIGHT, SELECTION_WIDTH, Criterion
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.rules import ExitRule
from ...golden.unit_model import check_rule
from ...hw.decision import create_unit
from ...hw.decision.delivery import MODULE_NAME, decision_verilog
from ...hw.verilog import generate_verilog
from .build import build_library
from .library import INT32, INT64, POINTER, UINT32, UINT64, EmulationError, VerilatedModel

_DRIVER = Path(__file__).with_suffix(".cpp")


# generated once a process: that takes longer than loading the library
@cache
def _verilog_of(config: DecisionConfig) -> str:
    if config.has_plain_criteria:
        return decision_verilog(config)
    return generate_verilog(create_unit(config), MODULE_NAME, {})


def _setting_widths(config: DecisionConfig) -> dict[str, int]:
    """Return name and width of the ports beside thresholds that hold the rules of the exits."""
    exits = range(config.n_exits)
    widths: dict[str, int] = {}
    if len(config.criteria) > 1:
        widths |= {f"selection_{k}": SELECTION_WIDTH for k in exits}
    if Criterion.GATE in config.criteria:
        names = [f"weight_{k}_{feature}" for k in exits for feature in config.features]
        widths |= dict.fromkeys(names, GATE_WEIGHT.width)
        offset_width = config.score_format_of(Criterion.GATE).width
        widths |= {f"offset_{k}": offset_width for k in exits}
    return widths


class DecisionEmulator(VerilatedModel):
    """The Verilated decision unit of one configuration.

    The first use of a configuration compiles it (a few seconds); later ones load it from the
    cache.

    Parameters
    ----------
    config : DecisionConfig
    verilog : str, optional
        Another design with the same ports: one criterion alone, or one broken on purpose.
    settings : dict
        Width of each further input port that `set` drives, by name, 32 bits at most; of the
        package's own units those that `set_rule` needs, unless given.

    Attributes
    ----------
    cycles : int
        Clock cycles spent deciding since the start.
    """

    def __init__(
        self,
        config: DecisionConfig,
        verilog: str | None = None,
        *,
        settings: dict[str, int] | None = None,
    ):
        self.config = config
        if settings is None:
            settings = _setting_widths(config) if verilog is None else {}
        self._settings = settings
        self.cycles = 0
        defines = {
            "THRESHOLD_PORTS": " ".join(f"PORT({k})" for k in range(config.n_exits)),
            "THRESHOLD_MASK": f"{(1 << config.score_format.width) - 1}",
            "SETTING_PORTS": " ".join(
                f"PORT({k}, {name})" for k, name in enumerate(self._settings)
            ),
            "SCORE_WIDTH": f"{config.score_format.width}",
            "LANES": f"{config.lanes}",
            "LOGIT_WIDTH": f"{config.logit_width}",
            "LOGIT_MASK": f"{(1 << config.logit_width) - 1}",
            "EXIT_INDEX_MASK": f"{(1 << config.exit_index_width) - 1}",
            "TAG_MASK": f"{(1 << config.tag_width) - 1}",
            "WITH_SCORE": f"{int(config.with_score)}",
            "WITH_TAG": f"{int(config.tag_width > 0)}",
        }
        text = _verilog_of(config) if verilog is None else verilog
        super().__init__(build_library(text, MODULE_NAME, _DRIVER, defines), "Emulator")
        self._declare("set_threshold", INT32, INT32)
        self._declare("set", INT32, UINT32)
        self._declare("reset", POINTER, INT32, INT32)
        self._declare(
            "decide", POINTER, INT64, INT32, POINTER, POINTER, POINTER, UINT32, UINT32, UINT64,
            POINTER, POINTER, POINTER, POINTER, POINTER, returns=INT64,
        )  # fmt: skip

    def set_threshold(self, exit_index: int, threshold: int) -> None:
        """Set the threshold of an exit, in units of the score, for the vectors decided after."""
        value = check_any_threshold(self.config, threshold)
        if self._call("set_threshold", exit_index, value):
            raise ValueError(
                f"Exit index must be in 0..{self.config.n_exits - 1}, not {exit_index!r}"
            )

    def set_rule(self, exit_index: int, rule: ExitRule) -> None:
        """Set all registers of an exit, for the vectors decided after.

        Raises
        ------
        TypeError, ValueError
            There is no such exit, or the unit cannot hold the rule.
        """
        check_rule(self.config, rule)
        self.set_threshold(exit_index, rule.threshold)
        if len(self.config.criteria) > 1:
            self.set(f"selection_{exit_index}", Criterion(rule.criterion).code)
        if rule.criterion == Criterion.GATE:
            for feature in self.config.features:
                self.set(f"weight_{exit_index}_{feature}", rule.weights.get(feature, 0))
            self.set(f"offset_{exit_index}", rule.offset)

    def set(self, name: str, value: int) -> None:
        """Drive one of the `settings`, in two's complement, for the vectors decided after."""
        if name not in self._settings:
            raise ValueError(f"Setting must be one of {list(self._settings)!r}, not {name!r}")
        number = list(self._settings).index(name)
        bits = value & ((1 << self._settings[name]) - 1)
        self._call("set", number, bits)

    def reset(self, logits: Logits, *, flowing: bool = False) -> None:
        """Reset the unit at the worst moment: after a vector and in a second one, of these logits.

        Parameters
        ----------
        logits : integer [N]
        flowing : bool
            Reset while the last logit is taken, instead of while a decision waits.

        Raises
        ------
        EmulationError
            The unit does not take them.
        """
        values = np.ascontiguousarray(check_logits(self.config, logits[None]), dtype=np.int16)
        if self._call("reset", values.ctypes.data, values.size, flowing):
            raise EmulationError("Decision unit must take every vector, but it hangs")

    def decide(
        self,
        logits: Logits,
        exit_index: int | npt.NDArray[np.integer] = 0,
        *,
        tag: npt.NDArray[np.integer] | None = None,
        lengths: npt.NDArray[np.integer] | None = None,
        idle: int = 0,
        stall: int = 0,
        seed: int = 0,
    ) -> Decisions:
        """Stream vectors through the RTL.

        Parameters
        ----------
        logits : integer [n, N]
        exit_index : int or integer [n]
            The exit of all vectors, or of each.
        tag : integer [n], optional
            Of each vector; their numbers unless given, modulo the width of a tag.
        lengths : integer [n], optional
            How many of the logits of each row are sent, 2 to N; all unless given.
        idle, stall : int
            Cycles in 256 without an input beat, and without the output being ready.
        seed : int
            Of these stalls.

        Raises
        ------
        TypeError, ValueError
            The arguments are not as said.
        EmulationError
            The unit hangs, or its decisions come out of order or under another exit.
        """
        values = np.ascontiguousarray(check_logits(self.config, logits), dtype=np.int16)
        n, length = values.shape
        exits = self._checked_exits(exit_index, n)
        sizes = np.full(n, length) if lengths is None else np.asarray(lengths)
        if sizes.shape != (n,) or not np.all((sizes >= 2) & (sizes <= length)):
            raise ValueError(f"Lengths must be {n} integers in 2..{length}, not {sizes!r}")
        sizes = np.ascontiguousarray(sizes, dtype=np.int32)
        tags = np.arange(n) if tag is None else np.asarray(tag)
        if tags.shape != (n,):
            raise ValueError(f"Tags must be {n}, not {list(tags.shape)}")
        tags = np.ascontiguousarray(tags & ((1 << self.config.tag_width) - 1), dtype=np.uint32)
        require_int("Idle cycles in 256", idle, 0, 255)
        require_int("Stalled cycles in 256", stall, 0, 255)
        taken = np.empty(n, np.uint8)
        label = np.empty(n, np.int32)
        # 0 without a score, and without a tag
        score = np.zeros(n, np.int32)
        exits_out = np.empty(n, np.uint8)
        tags_out = np.zeros(n, np.uint32)
        cycles = self._call(
            "decide", values.ctypes.data, n, length, sizes.ctypes.data, exits.ctypes.data,
            tags.ctypes.data, idle, stall, seed, taken.ctypes.data, label.ctypes.data,
            score.ctypes.data, exits_out.ctypes.data, tags_out.ctypes.data,
        )  # fmt: skip
        if cycles < 0:
            raise EmulationError("Decision unit must answer every vector, but it hangs")
        self.cycles += cycles
        if not (np.array_equal(tags_out, tags) and np.array_equal(exits_out, exits)):
            raise EmulationError("Decisions must come in the order of the vectors, but do not")
        return Decisions(taken.astype(bool), label.astype(np.int64), score.astype(np.int64))

    def _checked_exits(
        self, exit_index: int | npt.NDArray[np.integer], n: int
    ) -> npt.NDArray[np.uint8]:
        given = np.asarray(exit_index)
        if not np.issubdtype(given.dtype, np.integer):
            raise TypeError(f"Exit index must be integer, not {given.dtype}")
        if given.shape not in ((), (n,)):
            raise ValueError(
                f"Exit index must be one or one for each of {n} vectors, not {list(given.shape)}"
            )
        # before the conversion, which wraps
        illegal = given[(given < 0) | (given >= self.config.n_exits)]
        if illegal.size:
            raise ValueError(
                f"Exit index must be in 0..{self.config.n_exits - 1}, not {int(illegal[0])}"
            )
        return np.ascontiguousarray(np.broadcast_to(given, n), dtype=np.uint8)
