"""The engine with AXI4-Stream in and out and AXI4-Lite registers."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...golden.spec.decision import EXITS_MAX
from ...golden.spec.engine import EngineConfig
from ...golden.spec.engine_faults import IMAGE_FAULTS, PROGRAM_FAULTS
from ...golden.spec.engine_registers import (
    ADDRESS_WIDTH,
    EXIT_BASE,
    EXIT_STRIDE,
    FLAGS,
    engine_registers,
    load_words,
)
from ...golden.spec.engine_streams import (
    IMAGE_BYTES,
    RESULT_BYTES,
    RESULT_FIELDS,
    check_engine_buses,
)
from ...golden.spec.registers import WORD_BYTES
from ..axi import AxiLite, AxiLiteSlave, AxiStream, RegisterBank
from ..decision.cycles import CycleCounter
from .activation_memory import ActivationMemory
from .counters import ImageCounters
from .engine import Engine
from .image_intake import ImageIntake
from .image_notes import ImageNotes
from .watchdog import Watchdog

__all__ = ["AxiEngine", "engine_members"]

N_INSIDE = 4
"""Most images inside: one that arrives, two buffers, a result that waits."""


def engine_members() -> dict[str, wiring.Member]:
    """Return the members of the engine with buses, named as AXI names ports."""
    return {
        "s_axis": In(AxiStream(IMAGE_BYTES)),
        "m_axis": Out(AxiStream(RESULT_BYTES)),
        "s_axil": In(AxiLite(ADDRESS_WIDTH)),
        "irq": Out(1),
    }


class AxiEngine(wiring.Component):
    """Run a program on images from a bus, by registers on a bus.

    ::

        s_axis ──> ImageIntake ──────> Engine ──────────> judge ──[register]──> m_axis
                        │ ended          │ ▲ reset          ▲ │
                        └──> ImageNotes ─┼─┼── dropped? ────┘ └──> ImageCounters
                                         ▼ │ faults
        s_axil ──> AxiLiteSlave ──> RegisterBank, Watchdog ──> irq

    Each image, a packet on `s_axis`, is answered by a packet of one beat on `m_axis`, in order;
    one that is dropped by a result with the error flag. An image of another length than the
    registers say is dropped alone. Anything wrong with the program, the watchdog, and the host's
    abort reset the engine for a cycle, but not its memories nor the registers, and drop what is
    inside, the rest of an image that is arriving too; the image that comes next is worked on.

    No output depends on an input in the same cycle.

    Parameters
    ----------
    config : EngineConfig
    family : str
        See `Engine`.

    Members
    -------
    s_axis : In(AxiStream)
        Images, channel-last, four bytes a beat; see `ImageIntake`.
    m_axis : Out(AxiStream)
        Results: TDATA as in `offramp.golden.spec.engine_streams`.
    s_axil : In(AxiLite)
        The registers of `offramp.golden.spec.engine_registers`.
    irq : Out(1)
        A flag of the errors is set that is enabled.

    Raises
    ------
    ValueError
        The configuration does not fit the buses.
    """

    def __init__(self, config: EngineConfig, family: str = "generic"):
        self.config = check_engine_buses(config)
        self._family = family
        super().__init__(engine_members())

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.slave = slave = AxiLiteSlave(ADDRESS_WIDTH)
        m.submodules.bank = bank = RegisterBank(engine_registers(config))
        m.submodules.intake = intake = ImageIntake()
        m.submodules.notes = notes = ImageNotes(N_INSIDE)
        counters = None
        if config.counters:
            m.submodules.counters = counters = ImageCounters(1 << EXITS_MAX.bit_length())
        engine = Engine(config, self._family)
        drop, reset = Signal(), Signal()
        m.submodules.engine = ResetInserter(reset)(engine)

        connect(m, flipped(self.s_axil), slave.bus)
        connect(m, slave.port, bank.port)
        connect(m, flipped(self.s_axis), intake.bus)
        connect(m, intake.o, engine.i)

        # -- images -------------------------------------------------------------------------------
        m.d.sync += reset.eq(drop)
        m.d.comb += [
            intake.begin.eq(bank.control_enable & notes.room),
            intake.drop.eq(drop),
            intake.reset.eq(reset),
            intake.fits.eq(engine.image_fits),
            notes.push.eq(intake.ended),
            notes.dropped.eq(intake.dropped),
            notes.drop_all.eq(drop),
        ]

        # -- the engine ---------------------------------------------------------------------------
        m.d.comb += [
            # only images that may begin come in
            engine.enable.eq(1),
            engine.hold.eq(bank.control_hold),
            engine.image_base.eq(Cat(0, 0, bank.image_base_word)),
            engine.image_stride.eq(Cat(0, 0, bank.image_stride_word)),
            engine.image_words.eq(bank.image_words_words),
            bank.status_held.eq(engine.held),
            bank.status_receiving.eq(intake.receiving),
            bank.status_working.eq(bank.working),
        ]
        # a cycle late: what is loaded in the cycle in which an image begins comes in time
        m.d.sync += bank.working.eq(intake.receiving | notes.first | reset)
        for k, threshold in enumerate(engine.thresholds):
            m.d.comb += threshold.eq(bank.threshold_score[k])

        self._elaborate_faults(m, bank, engine, drop, reset)
        self._elaborate_load(m, bank, engine)
        offered = Signal()
        m.d.comb += offered.eq(engine.o.valid & ~reset)
        self._elaborate_results(m, engine.o, offered, notes, counters)
        if counters is not None:
            self._elaborate_counters(m, bank, engine, counters, intake)
        if counters is not None or config.residual:
            self._elaborate_reads(m, bank, engine, counters)
        return m

    def _elaborate_faults(self, m, bank, engine, drop, reset):
        """Set flags, and drop what is inside if need be."""
        m.submodules.watchdog = watchdog = Watchdog()
        m.d.comb += [
            watchdog.limit.eq(bank.watchdog_cycles),
            watchdog.working.eq(engine.busy),
            watchdog.counting.eq(engine.counting),
            bank.errors_watchdog.eq(watchdog.expired & ~reset),
        ]
        # what the engine reports while it is reset comes from the fault before
        for name in IMAGE_FAULTS:
            m.d.comb += getattr(bank, f"errors_{name}").eq(engine.faults[name] & ~reset)
        for name in PROGRAM_FAULTS:
            m.d.comb += getattr(bank, f"errors_{name}").eq(engine.faults[name] & ~reset)
        wrong = Cat(engine.faults[name] for name in PROGRAM_FAULTS)
        m.d.comb += drop.eq(((wrong.any() | watchdog.expired) & ~reset) | bank.control_abort)

        enabled = Cat(getattr(bank, f"interrupt_enable_{name}") for name in FLAGS)
        m.d.sync += self.irq.eq((bank.errors_flags[: len(FLAGS)] & enabled).any())

    def _elaborate_load(self, m, bank, engine):
        """Write words for the engine's memories, one address after the other."""
        address = Signal.like(bank.load_address_word)
        beyond = Signal()
        memory = Signal(2)
        limits = load_words(self.config)
        # it is a long way to all blocks of the memories: a register before it
        m.d.sync += [
            engine.load.memory.eq(memory),
            engine.load.address.eq(address),
            engine.load.data.eq(bank.load_data_word),
            engine.load_enable.eq(bank.load_data_written & ~beyond),
        ]
        m.d.comb += bank.errors_load.eq(bank.load_data_written & beyond)
        with m.If(bank.load_address_written):
            m.d.sync += [
                address.eq(bank.load_address_word),
                memory.eq(bank.load_address_memory),
            ]
        with m.Elif(bank.load_data_written & ~beyond):
            m.d.sync += address.eq(address + 1)
        # behind the last word of a memory the address may be 0 again
        full = Signal()
        with m.If(bank.load_address_written):
            m.d.sync += full.eq(0)
        with m.Elif(bank.load_data_written & address.all()):
            m.d.sync += full.eq(1)
        # writes to registers are 3 cycles apart
        with m.Switch(memory):
            for code, limit in enumerate(limits):
                with m.Case(code):
                    m.d.sync += beyond.eq(full | (address >= limit))

    def _elaborate_results(self, m, results, offered, notes, counters):
        """Give a result for each image, in their order."""
        bus = self.m_axis
        given = Signal()
        error = notes.first_dropped
        ready = 1
        if counters is not None:
            ready = counters.ready
            m.d.comb += [
                counters.count.eq(given),
                counters.place.eq(Mux(error, EXITS_MAX, results.payload.exit_index)),
            ]
        # the bus has registers of its own: a reset of the engine takes nothing from it
        m.d.comb += [
            given.eq(notes.first & (error | offered) & ~bus.tvalid & ready),
            notes.pop.eq(given),
            results.ready.eq(given & ~error),
            bus.tkeep.eq(~0),
            bus.tlast.eq(1),
        ]
        with m.If(bus.tready):
            m.d.sync += bus.tvalid.eq(0)
        with m.If(given):
            m.d.sync += bus.tvalid.eq(1)
            for field in RESULT_FIELDS:
                value = error if field.name == "error" else results.payload[field.name]
                m.d.sync += bus.tdata[field.lsb : field.lsb + field.width].eq(value)

    def _elaborate_counters(self, m, bank, engine, counters, intake):
        """Count images and cycles."""
        images = Signal(32)
        with m.If(bank.control_clear_counters):
            m.d.sync += images.eq(0)
        with m.Elif(intake.ended):
            m.d.sync += images.eq(images + 1)
        m.submodules.cycles = cycles = CycleCounter()
        high = Signal(32)
        with m.If(bank.cycles_low_read):
            m.d.sync += high.eq(cycles.value[32:])
        m.d.comb += [
            bank.images_images.eq(images),
            cycles.enable.eq(engine.counting),
            cycles.clear.eq(bank.control_clear_counters),
            counters.clear.eq(bank.control_clear_counters),
            bank.cycles_low_cycles_low.eq(cycles.value[:32]),
            bank.cycles_high_cycles_high.eq(high),
        ]

    def _elaborate_reads(self, m, bank, engine, counters):
        """Answer reads of what lies in memories: counters, words of the activation memory."""
        port = bank.memory
        peeks, come = Signal(), Signal()
        if self.config.residual:
            waited = Signal(range(ActivationMemory.word_latency + 1))
            word = Signal.like(bank.peek_address_word)
            address = engine_registers(self.config).address("peek_data") // WORD_BYTES
            m.d.comb += [
                peeks.eq(port.read & (port.address == address)),
                come.eq(peeks & (waited == ActivationMemory.word_latency)),
                port.data.eq(engine.peek_word),
                port.done.eq(come),
                engine.peek_address.eq(Cat(0, 0, word)),
            ]
            m.d.sync += waited.eq(Mux(peeks & ~come, waited + 1, 0))
            with m.If(bank.peek_address_written):
                m.d.sync += word.eq(bank.peek_address_word)
            with m.Elif(come):
                m.d.sync += word.eq(word + 1)
        if counters is not None:
            stride_bits = (EXIT_STRIDE // WORD_BYTES).bit_length() - 1
            of_exit = port.address >= EXIT_BASE // WORD_BYTES
            m.d.comb += [
                counters.read.eq(port.read & ~peeks),
                counters.read_place.eq(Mux(of_exit, port.address[stride_bits:][:4], EXITS_MAX)),
            ]
            with m.If(~peeks):
                m.d.comb += [port.data.eq(counters.value), port.done.eq(counters.done)]
