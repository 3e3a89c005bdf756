"""Devices: where exits are decided. The pipeline cannot tell one from the other."""

from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from ..golden.decision import Decisions, Logits, check_threshold, decide
from ..golden.spec.checks import require_choice
from ..golden.spec.decision import DecisionConfig

DEVICES = ("golden", "emulator")
"""Names that `open_device` takes."""


class Device(Protocol):
    """An exit decision unit, wherever it is. A context manager that closes itself."""

    @property
    def config(self) -> DecisionConfig:
        """Parameters of the unit."""

    def set_threshold(self, exit_index: int, threshold: int) -> None:
        """Set the threshold of an exit in logit LSBs, for the vectors decided after."""

    def decide(self, logits: Logits, exit_index: int | npt.NDArray[np.integer] = 0) -> Decisions:
        """Decide vectors of logits [n, N], all at one exit or each at its own [n]."""

    def close(self) -> None:
        """Release the device; a second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class GoldenDevice:
    """The integer model itself: the specification that every other device must equal."""

    def __init__(self, config: DecisionConfig):
        self.config = config
        self._thresholds = np.zeros(config.n_exits, dtype=np.int64)

    def set_threshold(self, exit_index: int, threshold: int) -> None:
        """Set the threshold of an exit in logit LSBs, for the vectors decided after."""
        self._check_exits(np.asarray(exit_index))
        self._thresholds[exit_index] = check_threshold(self.config, threshold)

    def decide(self, logits: Logits, exit_index: int | npt.NDArray[np.integer] = 0) -> Decisions:
        """Decide vectors of logits [n, N], all at one exit or each at its own [n]."""
        exits = np.broadcast_to(exit_index, len(logits))
        self._check_exits(exits)
        decisions = decide(self.config, logits, self.config.threshold_low)
        taken = decisions.score >= self._thresholds[exits]
        return Decisions(taken, decisions.label, decisions.score)

    def _check_exits(self, exits: npt.NDArray[np.integer]) -> None:
        if exits.size and not (exits.min() >= 0 and exits.max() < self.config.n_exits):
            raise ValueError(
                f"Exit index must be in 0..{self.config.n_exits - 1}, not {int(exits.max())}"
            )

    def close(self) -> None:
        """Do nothing: the model holds no resources."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_device(name: str, config: DecisionConfig) -> Device:
    """Return the device `name`, one of `DEVICES`, for units of `config`.

    Raises
    ------
    ValueError
        There is no such device.
    offramp.rtl_sim.verilator.ToolError
        The emulator cannot be compiled.
    """
    if require_choice("Device", name, DEVICES) == "golden":
        return GoldenDevice(config)
    # amaranth and the compiler are needed for this one only
    from ..rtl_sim.emulator.decision import DecisionEmulator

    return DecisionEmulator(config)
