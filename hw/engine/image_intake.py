"""Images from a bus to the engine, whose reset may fall into one."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine_streams import IMAGE_BYTES
from ..axi import AxiStream
from .payload import ImageBeat

__all__ = ["ImageIntake"]


class ImageIntake(wiring.Component):
    """Begin images when allowed; take the rest of one that is dropped without handing it on.

    Throughput: a beat a cycle.

    Members
    -------
    bus : In(AxiStream)
        All bytes of a beat are there; in a last one some may lack at its end.
    o : Out(stream of ImageBeat)
    begin : In(1)
        An image may begin; one that is begun goes on.
    drop : In(1)
        The engine drops what it has, and is reset in the next cycle.
    reset : In(1)
        The engine is reset.
    fits : In(1)
        See `ImageLoader`.
    receiving : Out(1)
        In mid-image.
    ended : Out(1)
        The last beat of an image is taken.
    dropped : Out(1)
        With `ended`: that image does not reach the engine.
    """

    def __init__(self):
        super().__init__(
            {
                "bus": In(AxiStream(IMAGE_BYTES)),
                "o": Out(stream.Signature(ImageBeat())),
                "begin": In(1),
                "drop": In(1),
                "reset": In(1),
                "fits": In(1),
                "receiving": Out(1),
                "ended": Out(1),
                "dropped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        goes_on = Signal()
        swallowing = Signal()
        take = Signal()
        m.d.comb += [
            goes_on.eq((self.receiving | self.begin) & ~self.reset),
            self.o.valid.eq(bus.tvalid & goes_on & ~swallowing),
            bus.tready.eq(goes_on & (swallowing | self.o.ready)),
            take.eq(bus.tvalid & bus.tready),
            self.o.payload.data.eq(bus.tdata),
            self.o.payload.last.eq(bus.tlast),
            # the lowest bytes without a gap, all of them before the last beat
            self.o.payload.spoiled.eq(
                ((bus.tkeep & (bus.tkeep + 1)) != 0) | ~bus.tkeep[0] | ~(bus.tkeep[-1] | bus.tlast)
            ),
            self.ended.eq(take & bus.tlast),
            self.dropped.eq(swallowing | ~self.fits),
        ]
        with m.If(take):
            m.d.sync += self.receiving.eq(~bus.tlast)
        with m.If(self.ended):
            m.d.sync += swallowing.eq(0)
        with m.Elif(self.drop & (self.receiving | take)):
            m.d.sync += swallowing.eq(1)
        return m
