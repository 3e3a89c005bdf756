"""The top module of a board: clock, pins, and a core between them."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import io, wiring

from .board import Board
from .flow import NAME

__all__ = ["BoardTop", "board_sources"]


class BoardTop(wiring.Component):  # type: ignore[misc]  # Amaranth has no types
    """Join a core to the clock and the UART of a board.

    Parameters
    ----------
    board : Board
    core : wiring.Component
        With ``rx : In(1)`` and ``tx : Out(1)`` in the domain ``sync``; `rx` is asynchronous.
    clock_hz : int
        Of the domain; the board's flow makes it.
    """

    def __init__(self, board: Board, core: Any, clock_hz: int):
        self._board, self._core, self._clock_hz = board, core, clock_hz
        super().__init__({})

    def elaborate(self, platform: Any) -> Module:
        """Return the module; `platform` is one of the board's."""
        m = Module()
        clock = platform.request(platform.default_clk, dir="-")
        self._board.flow.add_clock(m, self._board, clock, self._clock_hz)
        uart = platform.request("uart", 0, dir="-")
        m.submodules.rx_pin = rx = io.Buffer("i", uart.rx)
        m.submodules.tx_pin = tx = io.Buffer("o", uart.tx)
        m.submodules.core = self._core
        m.d.comb += [self._core.rx.eq(rx.i), tx.o.eq(self._core.tx)]
        return m


def board_sources(board: Board, core: Any, clock_hz: int) -> dict[str, str]:
    """Return by ending what the board's tools read: Verilog of the whole design, and its pins."""
    plan = board.platform().prepare(
        BoardTop(board, core, clock_hz), NAME, debug_verilog=True, emit_src=False
    )
    return board.flow.sources(plan.files)
