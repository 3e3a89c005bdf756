"""What executes requests on the engine, and answers."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine_registers import ADDRESS_WIDTH
from ...golden.spec.engine_streams import IMAGE_BYTES, RESULT_BYTES
from ..axi import AxiLite, AxiStream
from .crc import SerialCrc
from .instruction import Condition, Control, MicroProgram, Port
from .payload import Outgoing, RequestWords
from .sequencer import Sequencer

__all__ = ["Executor"]


class Executor(wiring.Component):
    """The sequencer between a buffer of requests, the buses of the engine, and the sender.

    Words of requests go to the buses as they stand in the buffer, and what the engine gives stays
    on its buses until the sequencer has read it: there are no other registers for them.

    Parameters
    ----------
    program : MicroProgram
    family : str
        See `Sequencer`.

    Members
    -------
    i : In(RequestWords)
    registers : Out(AxiLite)
    image : Out(AxiStream)
    result : In(AxiStream)
    engine_reset : Out(1)
        Reset the engine.
    o : Out(stream of Outgoing)
        Bytes of answers, CRCs and flags.
    """

    def __init__(self, program: MicroProgram, family: str = "generic"):
        self._program = program
        self._family = family
        super().__init__(
            {
                "i": In(RequestWords()),
                "registers": Out(AxiLite(ADDRESS_WIDTH)),
                "image": Out(AxiStream(IMAGE_BYTES)),
                "result": In(AxiStream(RESULT_BYTES)),
                "engine_reset": Out(1),
                "o": Out(stream.Signature(Outgoing())),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.sequencer = sequencer = Sequencer(self._program, self._family)
        m.submodules.crc = crc = SerialCrc()
        bus, image, result = self.registers, self.image, self.result
        controls, accumulator = sequencer.controls, sequencer.accumulator

        # -- what the sequencer sees --------------------------------------------------------------
        for first, value in (
            (Port.REQUEST, self.i.word.as_value()),
            (Port.READ_DATA, bus.rdata),
            (Port.RESULT, result.tdata),
            (Port.CREDIT, Cat(self.i.credit, crc.value[:8])),
        ):
            for k in range(0, len(value), 32):
                m.d.comb += sequencer.ports[(first + k // 8) // 4].eq(value[k : k + 32])
        conditions = sequencer.conditions
        m.d.comb += [
            conditions[Condition.REQUEST].eq(self.i.there),
            conditions[Condition.RESULT].eq(result.tvalid),
            conditions[Condition.WRITTEN].eq(bus.bvalid),
            conditions[Condition.READ].eq(bus.rvalid),
            # only one of the responses is there
            conditions[Condition.BUS_ERROR].eq(
                (bus.bvalid & (bus.bresp.as_value() != 0))
                | (bus.rvalid & (bus.rresp.as_value() != 0))
            ),
            conditions[Condition.OFFERING].eq(image.tvalid),
        ]

        # -- what it does -------------------------------------------------------------------------
        address = Signal(ADDRESS_WIDTH)
        acknowledge = controls[Control.ACKNOWLEDGE]
        with m.If(controls[Control.ADDRESS_LOW]):
            m.d.sync += address[:8].eq(accumulator)
        with m.If(controls[Control.ADDRESS_HIGH]):
            m.d.sync += address[8:].eq(accumulator)
        m.d.comb += [
            self.i.next_word.eq(controls[Control.NEXT_WORD]),
            self.engine_reset.eq(controls[Control.RESET]),
            bus.awaddr.eq(address),
            bus.araddr.eq(address),
            bus.wdata.eq(self.i.word),
            bus.wstrb.eq(~0),
            bus.bready.eq(acknowledge),
            bus.rready.eq(acknowledge),
            image.tdata.eq(self.i.word),
            image.tkeep.eq(~0),
            result.tready.eq(controls[Control.TAKE]),
        ]
        for valid, ready, begins, ends in (
            (bus.awvalid, bus.awready, controls[Control.WRITE], 0),
            (bus.wvalid, bus.wready, controls[Control.WRITE], 0),
            (bus.arvalid, bus.arready, controls[Control.READ], 0),
            # a word of an image may be taken back
            (image.tvalid, image.tready, controls[Control.OFFER], acknowledge),
        ):
            with m.If(begins):
                m.d.sync += valid.eq(1)
            with m.Elif(ready | ends):
                m.d.sync += valid.eq(0)
        with m.If(controls[Control.OFFER]):
            m.d.sync += image.tlast.eq(controls[Control.LAST])

        # -- answers ------------------------------------------------------------------------------
        m.d.comb += [
            # the accumulator stays until it is sent
            sequencer.wait.eq(self.o.valid),
            crc.enable.eq(sequencer.serial),
            crc.bit.eq(sequencer.serial_bit),
            crc.feedback.eq(sequencer.feedback),
            self.o.payload.byte.eq(accumulator),
        ]
        with m.If(sequencer.send | controls[Control.SEND_FLAG]):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.payload.flag.eq(controls[Control.SEND_FLAG]),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
