"""Devices: where exits are decided. The pipeline cannot tell one from the other."""

from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from ..golden.closing import Closing
from ..golden.decision import Decisions, Logits
from ..golden.spec.checks import require_choice
from ..golden.spec.decision import DecisionConfig
from ..golden.spec.rules import ExitRule
from ..golden.unit_model import UnitModel

DEVICES = ("golden", "unit")
"""Names that `open_device` takes."""


class Device(Protocol):
    """An exit decision unit, wherever it is. A context manager that closes itself."""

    @property
    def config(self) -> DecisionConfig:
        """Parameters of the unit."""

    def set_rule(self, exit_index: int, rule: ExitRule) -> None:
        """Set the registers of an exit, for the vectors decided after."""

    def decide(
        self,
        logits: Logits,
        exit_index: int | npt.NDArray[np.integer] = 0,
        *,
        tag: npt.NDArray[np.integer] | None = None,
    ) -> Decisions:
        """Decide vectors of logits [n, N], all at one exit or each at its own [n].

        Tags [n] tell the samples, for the patience; they count modulo the width of a tag.
        """

    def close(self) -> None:
        """Release the device; a second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class GoldenDevice(Closing):
    """The integer model itself: the specification that every other device must equal."""

    def __init__(self, config: DecisionConfig):
        self.config = config
        self._unit = UnitModel(config)

    def set_rule(self, exit_index: int, rule: ExitRule) -> None:
        """Set the registers of an exit, for the vectors decided after."""
        self._unit.set_rule(exit_index, rule)

    def decide(
        self,
        logits: Logits,
        exit_index: int | npt.NDArray[np.integer] = 0,
        *,
        tag: npt.NDArray[np.integer] | None = None,
    ) -> Decisions:
        """Decide vectors of logits [n, N], all at one exit or each at its own [n]."""
        return self._unit.decide(logits, exit_index, tag)


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
