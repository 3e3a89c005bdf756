"""The engine behind a UART."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from ...golden.spec.engine import EngineConfig
from ...golden.spec.engine_streams import check_engine_buses
from ...golden.spec.link import STALL_CYCLES, LinkConfig
from ..engine.axi import AxiEngine
from .link import Link

__all__ = ["LinkedEngine"]


class LinkedEngine(wiring.Component):
    """`AxiEngine` with its buses driven by `Link`.

    Parameters
    ----------
    config : EngineConfig
    clock_hz, baud : int
        Frequency of the clock, bits a second.
    build_hash : int
        Of what the bitstream is made of.
    family : str
        See `offramp.hw.engine.engine.Engine`.
    buffer_bytes, result_slots : int
        See `offramp.golden.spec.link.LinkConfig`.
    stall_cycles : int
        See `Link`.

    Attributes
    ----------
    config : EngineConfig
    link_config : LinkConfig

    Members
    -------
    rx : In(1)
        The line from the host, 1 when idle; synchronous to nothing.
    tx : Out(1)
        The line to the host.

    Raises
    ------
    TypeError, ValueError
        A parameter is no integer or out of range, the clock cannot give the baud rate, or the
        configuration does not fit the buses.
    """

    def __init__(
        self,
        config: EngineConfig,
        *,
        clock_hz: int,
        baud: int,
        build_hash: int = 0,
        family: str = "generic",
        buffer_bytes: int = 1024,
        result_slots: int = 32,
        stall_cycles: int = STALL_CYCLES,
    ):
        self.config = check_engine_buses(config)
        self.link_config = LinkConfig(
            clock_hz=clock_hz,
            baud=baud,
            build_hash=build_hash,
            buffer_bytes=buffer_bytes,
            result_slots=result_slots,
        )
        self._family = family
        self._stall_cycles = stall_cycles
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = Link(
            self.link_config, stall_cycles=self._stall_cycles, family=self._family
        )
        engine = AxiEngine(self.config, self._family)
        # the sequencer's pulse comes from deep logic, and resets begin as much
        reset = Signal()
        m.d.sync += reset.eq(link.engine_reset)
        m.submodules.engine = ResetInserter(reset)(engine)
        connect(m, link.registers, engine.s_axil)
        connect(m, link.image, engine.s_axis)
        connect(m, engine.m_axis, link.result)
        m.d.comb += [link.rx.eq(self.rx), self.tx.eq(link.tx)]
        return m
