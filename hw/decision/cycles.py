"""A wide counter that is fast: its carry does not run through all bits."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CycleCounter"]


class CycleCounter(wiring.Component):
    """Count the cycles in which it is enabled, modulo ``2**width``.

    Each chunk counts when all bits below it are 1, so a carry runs through one chunk only.

    Parameters
    ----------
    width : int
        A multiple of `chunk_width`.
    chunk_width : int

    Members
    -------
    enable : In(1)
    clear : In(1)
        Goes before `enable`.
    value : Out(width)
    """

    def __init__(self, width: int = 64, chunk_width: int = 16):
        if width % chunk_width:
            raise ValueError(
                f"Width of a cycle counter must be a multiple of {chunk_width}, not {width!r}"
            )
        self._chunk_width = chunk_width
        super().__init__({"enable": In(1), "clear": In(1), "value": Out(width)})

    def elaborate(self, platform):
        m = Module()
        chunks = [
            Signal(self._chunk_width, name=f"chunk_{position}")
            for position in range(0, len(self.value), self._chunk_width)
        ]
        carry = self.enable
        for position, chunk in enumerate(chunks):
            with m.If(self.clear):
                m.d.sync += chunk.eq(0)
            with m.Elif(carry):
                m.d.sync += chunk.eq(chunk + 1)
            full = Signal(name=f"full_{position}")
            m.d.comb += full.eq(chunk.all())
            carry = carry & full
        m.d.comb += self.value.eq(Cat(*chunks))
        return m
