"""The board's side of the link, between bytes and the buses of an engine."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...golden.spec.engine_registers import ADDRESS_WIDTH
from ...golden.spec.engine_streams import IMAGE_BYTES, RESULT_BYTES
from ...golden.spec.link import STALL_CYCLES, LinkConfig
from ..axi import AxiLite, AxiStream
from .executor import Executor
from .frame_decoder import FrameDecoder
from .frame_encoder import FrameEncoder
from .program import link_program
from .request_buffer import RequestBuffer

__all__ = ["ByteLink", "bus_members"]


def bus_members() -> dict[str, wiring.Member]:
    """Return the members towards the engine.

    registers : Out(AxiLite)
    image : Out(AxiStream)
    result : In(AxiStream)
    engine_reset : Out(1)
        Reset the engine, but not its memories.
    """
    return {
        "registers": Out(AxiLite(ADDRESS_WIDTH)),
        "image": Out(AxiStream(IMAGE_BYTES)),
        "result": In(AxiStream(RESULT_BYTES)),
        "engine_reset": Out(1),
    }


class ByteLink(wiring.Component):
    """Execute requests as `docs/link.md` says, whatever carries their bytes.

    ::

        i ──> FrameDecoder ──> RequestBuffer ──> Executor ──> FrameEncoder ──> o
                                                  │ │ │ ▲
                                    engine_reset, registers, image, result

    Throughput: a byte in 8 cycles comes in, one in 16 goes out.

    Parameters
    ----------
    config : LinkConfig
    stall_cycles : int
        Cycles, about, after which an image word is given up that the engine does not take.
    family : str
        See `Sequencer`.

    Members
    -------
    i : In(stream of 8)
    o : Out(stream of 8)
    registers, image, result, engine_reset
        See `bus_members`.
    """

    def __init__(
        self, config: LinkConfig, *, stall_cycles: int = STALL_CYCLES, family: str = "generic"
    ):
        self.config = config
        self._stall_cycles = stall_cycles
        self._family = family
        super().__init__(
            {"i": In(stream.Signature(8)), "o": Out(stream.Signature(8)), **bus_members()}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = FrameDecoder()
        m.submodules.buffer = buffer = RequestBuffer(self.config.buffer_bytes, self._family)
        m.submodules.executor = executor = Executor(
            link_program(self.config, self._stall_cycles), self._family
        )
        m.submodules.encoder = encoder = FrameEncoder()
        connect(m, flipped(self.i), decoder.i)
        connect(m, decoder.o, buffer.i)
        connect(m, buffer.o, executor.i)
        connect(m, executor.o, encoder.i)
        connect(m, encoder.o, flipped(self.o))
        connect(m, executor.registers, flipped(self.registers))
        connect(m, executor.image, flipped(self.image))
        connect(m, flipped(self.result), executor.result)
        m.d.comb += self.engine_reset.eq(executor.engine_reset)
        return m
