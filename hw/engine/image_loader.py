"""Images into the two image buffers, one while the other is worked on."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from .payload import ImageBeat, Transfer, address_width

__all__ = ["ImageLoader"]


class ImageLoader(wiring.Component):
    """Write the words of each image into the buffer that is free.

    An image whose `last` comes early or late, or with a beat that is spoiled, is dropped up to its
    `last`.

    Throughput: a word a cycle while `granted`.

    Members
    -------
    i : In(stream of ImageBeat)
    image_base, image_stride : In
        Bytes: the first buffer, and how far behind it the second begins.
    image_words : In(16)
        Words of an image.
    transfer : Out(Transfer)
    granted : In(1)
        Whether the transfer goes to memory in this cycle.
    loaded : Out(1)
        The buffer to work on holds a whole image.
    offset : Out
        Of that buffer behind the first.
    release : In(1)
        Work on it is done.
    fits : Out(1)
        The beat that is offered, if it is a last one, ends an image that is not dropped.
    short, long : Out(1)
        An image is dropped because its last beat came early, or did not come; for one cycle.
    beyond : Out(1)
        An image is written past the memory.
    """

    def __init__(self, config: EngineConfig):
        self._config = config
        address = address_width(config)
        super().__init__(
            {
                "i": In(stream.Signature(ImageBeat())),
                "image_base": In(address),
                "image_stride": In(address),
                "image_words": In(16),
                "transfer": Out(Transfer(config)),
                "granted": In(1),
                "loaded": Out(1),
                "offset": Out(address),
                "release": In(1),
                "fits": Out(1),
                "short": Out(1),
                "long": Out(1),
                "beyond": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        full = Signal(2)
        filling, working = Signal(), Signal()
        m.d.comb += [
            self.loaded.eq(full.bit_select(working, 1)),
            self.offset.eq(Mux(working, self.image_stride, 0)),
        ]

        # words behind the awaited one; that there are none comes from a register
        left = Signal(16)
        none_left = Signal()
        address = Signal(address_width(self._config) + 1)
        waiting = Signal()  # a transfer for memory
        dropping = Signal()
        final = Signal()  # the word that is awaited ends the image
        beat = self.i.payload
        # with a carry
        start = self.image_base + Mux(filling, self.image_stride, 0)
        begun = Signal()
        take = Signal()
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(filling, 1) & (~waiting | self.granted)),
            take.eq(self.i.valid & self.i.ready),
            final.eq(Mux(begun, none_left, self.image_words == 1)),
            self.fits.eq(final & ~dropping & ~beat.spoiled),
            self.beyond.eq(waiting & (address >= self._config.activation_bytes)),
            self.transfer.address.eq(address),
            self.transfer.enable.eq(Mux(waiting, 0b1111, 0)),
        ]
        ending = Signal()
        with m.If(self.granted):
            m.d.sync += waiting.eq(0)
        with m.If(take & ~dropping):
            m.d.sync += [
                waiting.eq(1),
                self.transfer.data.eq(beat.data),
                address.eq(Mux(begun, address + 4, start)),
                begun.eq(1),
                left.eq(Mux(begun, left, self.image_words - 1) - 1),
                none_left.eq(Mux(begun, left == 1, self.image_words == 2)),
            ]
            with m.If(beat.last | final | beat.spoiled):
                m.d.sync += begun.eq(0)
            with m.If(beat.spoiled):
                m.d.sync += dropping.eq(~beat.last)
            with m.Elif(beat.last & final):
                m.d.sync += ending.eq(1)
            with m.Elif(beat.last):
                m.d.comb += self.short.eq(1)
            with m.Elif(final):
                m.d.comb += self.long.eq(1)
                m.d.sync += dropping.eq(1)
        with m.If(take & dropping & beat.last):
            m.d.sync += dropping.eq(0)

        # full when the last word is in memory: the next image waits that long
        fills = Signal(2)
        empties = Signal(2)
        with m.If(ending & self.granted):
            m.d.sync += [ending.eq(0), filling.eq(~filling)]
            m.d.comb += fills.eq(Cat(~filling, filling))
        with m.If(self.release):
            m.d.sync += working.eq(~working)
            m.d.comb += empties.eq(Cat(~working, working))
        m.d.sync += full.eq((full | fills) & ~empties)
        with m.If(ending):
            m.d.comb += self.i.ready.eq(0)
        return m
