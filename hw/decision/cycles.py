"""A wide counter that is fast: its carry does not run through all bits."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CycleCounter"]


class CycleCounter(wiring.Component):
    """Count the cycles in which it is enabled, modulo ``2**(n_chunks * chunk_width)``.

    Each chunk counts when all bits below it are 1, so a carry runs through one chunk only.

    Parameters
    ----------
    n_chunks, chunk_width : int
        The product is the width.

    Members
    -------
    enable : In(1)
    clear : In(1)
        Goes before `enable`.
    value : Out(n_chunks * chunk_width)
    """

    def __init__(self, n_chunks: int = 4, chunk_width: int = 16):
        self._n_chunks = n_chunks
        self._chunk_width = chunk_width
        super().__init__({"enable": In(1), "clear": In(1), "value": Out(n_chunks * chunk_width)})

    def elaborate(self, platform):
        m = Module()
        chunks = [
            Signal(self._chunk_width, name=f"chunk_{position}")
            for position in range(self._n_chunks)
        ]
        carry = self.enable
        for place, chunk in enumerate(chunks):
            with m.If(self.clear):
                m.d.sync += chunk.eq(0)
            with m.Elif(carry):
                m.d.sync += chunk.eq(chunk + 1)
            full = Signal(name=f"full_{place}")
            m.d.comb += full.eq(chunk.all())
            carry = carry & full
        m.d.comb += self.value.eq(Cat(*chunks))
        return m
