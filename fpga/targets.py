"""What designs are built for and compared on: devices alone, and those of boards."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..golden.spec.checks import require_choice
from ..golden.spec.engine import EngineConfig
from .board import Board
from .board_build import check_capacity
from .boards import BOARDS
from .devices import DEVICES, ENGINE_DEVICES, find_device
from .flow import BoardFlow
from .flow_ecp5 import ECP5, ECP5_CAPACITY

__all__ = ["ENGINE_TARGETS", "TARGETS", "Target", "find_engine_target", "find_target"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One device, by itself or that of a board.

    Attributes
    ----------
    name : str
        Name on the command line.
    device : str
        See `offramp.fpga.devices.find_device`.
    target_mhz : float
        Clock asked of placement and routing.
    flow : BoardFlow or None
        Of the family, if it can hold an engine.
    capacity : mapping of str to int
        As of `offramp.fpga.board.Board`, empty if it is not known.
    """

    name: str
    device: str
    target_mhz: float
    flow: BoardFlow | None = None
    capacity: Mapping[str, int] = field(default_factory=dict)

    def check_engine(self, config: EngineConfig) -> None:
        """Raise `CapacityError` of one line if an engine is too large, before it is built."""
        if self.flow is not None:
            check_capacity(self, self.flow.needs(config), f"an engine of {config.macs} MACs")


def _is_known(board: Board) -> bool:
    """Return whether the device of a board can be built for by itself, by its name."""
    try:
        return find_device(board.device.name) == board.device
    except ValueError:
        return False


_BOARD_TARGETS = {
    board.name: Target(
        name=board.name,
        device=board.device.name,
        target_mhz=board.first_hz / 1e6,
        flow=board.flow,
        capacity=board.capacity,
    )
    for board in BOARDS.values()
    if _is_known(board)
}

_ENGINE_DEVICE_TARGETS = {
    device.name: Target(
        name=device.name,
        device=device.name,
        target_mhz=device.target_mhz,
        flow=ECP5,
        capacity=ECP5_CAPACITY[device.name.removeprefix("ecp5-")],
    )
    for device in ENGINE_DEVICES.values()
}

ENGINE_TARGETS: Mapping[str, Target] = _ENGINE_DEVICE_TARGETS | _BOARD_TARGETS
"""Where an engine can be built, by name."""

TARGETS: Mapping[str, Target] = {
    device.name: Target(name=device.name, device=device.name, target_mhz=device.target_mhz)
    for device in DEVICES.values()
} | _BOARD_TARGETS
"""Where a decision unit can be built, by name."""


def find_engine_target(name: str) -> Target:
    """Return where an engine is built; ValueError with the list of names if there is none."""
    return ENGINE_TARGETS[require_choice("Device", name, ENGINE_TARGETS)]


def find_target(name: str) -> Target:
    """Return where a decision unit is built; ValueError with the names if there is none."""
    return TARGETS[require_choice("Device", name, TARGETS)]
