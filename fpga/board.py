"""What is known of a board."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .devices import Device
from .flow import BoardFlow

__all__ = ["Board"]


@dataclass(frozen=True, kw_only=True)
class Board:
    """One board: its device, its pins, how it is built and programmed.

    Attributes
    ----------
    name : str
        Name on the command line.
    title : str
        What to buy.
    flow : BoardFlow
        The toolchain.
    device : Device
        What the router is told, and how primitives are called.
    platform : callable
        Returns a new Amaranth platform with a resource ``uart``.
    input_hz : int
        Of the oscillator at the platform's default clock.
    first_hz : int
        Clock that a build tries first.
    baud : int
        Of the link.
    capacity : mapping of str to int
        Cells there are: ``lut4``, ``flip_flops``, ``dsp``, ``block_ram``, as far as they count.
    loader : tuple of str
        Arguments of openFPGALoader in front of the bitstream's name.
    wiring : str
        Where the UART is, a phrase.
    """

    name: str
    title: str
    flow: BoardFlow
    device: Device
    platform: Callable[[], Any]
    input_hz: int
    first_hz: int
    baud: int = 3_000_000
    capacity: Mapping[str, int]
    loader: tuple[str, ...]
    wiring: str
