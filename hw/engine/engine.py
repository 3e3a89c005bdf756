"""The engine: images in, labels out, as far as the first exit that is sure."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.engine import EngineConfig
from ..decision.unit import DecisionUnit
from .activation_memory import ActivationMemory
from .checks import DescriptorCheck, LogitCheck, ReadCheck
from .controller import Controller
from .delay import Delay
from .descriptor_fetch import DescriptorFetch
from .drain import Drain
from .ice40 import SinglePortMemory
from .image_loader import ImageLoader
from .loops import Loops
from .mac_array import MacArray
from .operand_fetch import OperandFetch
from .payload import Faults, ImageBeat, LoadBeat, Result, TileEnd, address_width
from .wide_memory import WideMemory

__all__ = ["Engine"]


class Engine(wiring.Component):
    """Run a program on images, layer by layer, and stop at the exit that is taken.

    ::

        i ──> ImageLoader ──> ActivationMemory <─────────────────────────┐
                                   │ bytes                               │ transfers
        Controller ──> Loops ──> OperandFetch ──> MacArray ──> Drain ────┘
             ^   │     steps       │ lines                       │ logits
             │ DescriptorFetch   WideMemory (weights)        DecisionUnit
             └──────────────────── exit? ───────────────────────┘

    Every output equals `offramp.golden.engine` bit for bit.

    Parameters
    ----------
    config : EngineConfig
    family : str
        "generic" or "ecp5": see `Multiplier` and `DeepMemory`.

    Members
    -------
    i : In(stream of ImageBeat)
        Images, channel-last, the last word filled up with anything.
    o : Out(stream of Result)
    load : In(LoadBeat)
        A word for a memory, with `load_enable`; only while `busy` is low.
    load_enable : In(1)
    enable : In(1)
    busy : Out(1)
    hold, held : In(1), Out(1)
        See `Controller`.
    peek_address, peek_word : In, Out(32)
        An aligned word of the activation memory, `ActivationMemory.word_latency` cycles later, if
        it is not written meanwhile: while `held`, or with no image inside.
    counting : Out(1)
        See `Controller`.
    image_fits : Out(1)
        See `ImageLoader.fits`.
    faults : Out(Faults)
        What is wrong. Behind any but those of an image the engine must be reset, and it must be
        within 2 cycles: then no result depends on it. Memories keep what they hold.
    image_base, image_stride, image_words : In
        See `ImageLoader`.
    thresholds : In(signed) [n_exits]
        Sampled with the logits of the exit: see `DecisionUnit`.
    """

    def __init__(self, config: EngineConfig, family: str = "generic"):
        self.config = config
        self._family = family
        address = address_width(config)
        decision = config.decision
        super().__init__(
            {
                "i": In(stream.Signature(ImageBeat())),
                "o": Out(stream.Signature(Result(decision))),
                "load": In(LoadBeat()),
                "load_enable": In(1),
                "enable": In(1),
                "busy": Out(1),
                "hold": In(1),
                "held": Out(1),
                "peek_address": In(address),
                "peek_word": Out(32),
                "counting": Out(1),
                "image_fits": Out(1),
                "faults": Out(Faults()),
                "image_base": In(address),
                "image_stride": In(address),
                "image_words": In(16),
                "thresholds": In(signed(decision.score_format.width)).array(decision.n_exits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.controller = controller = Controller(config)
        m.submodules.descriptor_fetch = program = DescriptorFetch(config)
        m.submodules.loops = loops = Loops(config, self._family)
        m.submodules.activation_memory = activations = ActivationMemory(config, self._family)
        m.submodules.weight_memory = weights = self._weight_memory()
        m.submodules.operand_fetch = fetch = OperandFetch(config, self._family, weights.latency)
        m.submodules.mac_array = array = MacArray(config, self._family)
        m.submodules.drain = drain = Drain(config, self._family)
        m.submodules.image_loader = loader = ImageLoader(config)
        m.submodules.decision_unit = unit = DecisionUnit(config.decision)
        descriptor = program.descriptor

        # -- loading -----------------------------------------------------------------------------
        for memory, (address, word, enable) in enumerate(
            (
                (program.word_address, program.word, program.word_enable),
                (drain.channel_address, drain.channel_word, drain.channel_enable),
                (weights.word_address, weights.word, weights.enable),
            )
        ):
            m.d.comb += [
                address.eq(self.load.address),
                word.eq(self.load.data),
                enable.eq(self.load_enable & (self.load.memory == memory)),
            ]

        # -- control -----------------------------------------------------------------------------
        m.d.comb += [
            controller.enable.eq(self.enable),
            controller.loaded.eq(loader.loaded),
            controller.hold.eq(self.hold),
            self.held.eq(controller.held),
            controller.descriptor.eq(descriptor),
            controller.fetched.eq(program.fetched),
            program.request.eq(controller.request),
            program.rewind.eq(controller.release),
            program.draining.eq(controller.draining),
            controller.issued.eq(loops.done),
            controller.drained.eq(drain.done),
            controller.decision.eq(unit.o.payload),
            controller.decided.eq(unit.o.valid),
            loader.release.eq(controller.release),
            self.busy.eq(controller.busy),
            self.counting.eq(controller.counting),
            self.image_fits.eq(loader.fits),
            loops.descriptor.eq(descriptor),
            loops.start.eq(controller.start),
            drain.descriptor.eq(descriptor),
            drain.start.eq(controller.start),
            loader.image_base.eq(self.image_base),
            loader.image_stride.eq(self.image_stride),
            loader.image_words.eq(self.image_words),
        ]
        wiring.connect(m, wiring.flipped(self.i), loader.i)
        wiring.connect(m, controller.o, wiring.flipped(self.o))

        # -- from the loops to the array ----------------------------------------------------------
        source = Signal(address_width(config) + 1)
        m.d.sync += source.eq(descriptor.source_base + Mux(descriptor.image, loader.offset, 0))
        m.d.comb += [
            fetch.step.eq(loops.step),
            fetch.valid.eq(loops.valid),
            fetch.base.eq(source),
            fetch.column_limit.eq(descriptor.column_limit),
            activations.is_signed.eq(descriptor.source_signed),
            fetch.bytes.eq(activations.data),
            fetch.signs.eq(activations.signs),
            activations.address.eq(fetch.address),
            activations.mask.eq(fetch.mask),
            weights.line.eq(fetch.line),
            array.activations.eq(fetch.activations),
            array.weights.eq(weights.data),
            array.valid.eq(fetch.operands_valid),
            array.last.eq(fetch.operands_last),
        ]
        cycles = OperandFetch.latency + array.latency
        m.submodules.tile_end = end = Delay(TileEnd(), cycles, self._family)
        m.d.comb += end.i.eq(loops.step.tile)

        # -- from the array to memory and decision unit -------------------------------------------
        drain_writes = drain.transfer.enable.any()
        m.d.comb += [
            drain.accumulators.eq(array.accumulators),
            drain.tile.eq(array.tile),
            drain.tile_end.eq(end.o),
            loader.granted.eq(~drain_writes & ~drain.reads),
            activations.transfer.eq(Mux(drain_writes, drain.transfer, loader.transfer)),
            activations.word_address.eq(Mux(drain.reads, drain.word_address, self.peek_address)),
            drain.word.eq(activations.word),
            self.peek_word.eq(activations.word),
            unit.i.valid.eq(drain.logit_valid),
            unit.i.payload.logit.eq(drain.logit),
            unit.i.payload.last.eq(drain.logit_last),
            unit.i.payload.exit_index.eq(descriptor.exit_index),
            unit.o.ready.eq(1),
        ]
        with m.If(drain.reads):
            m.d.comb += activations.transfer.enable.eq(0)
        m.d.comb += [
            self.faults.image_short.eq(loader.short),
            self.faults.image_long.eq(loader.long),
            self.faults.image_keep.eq(self.i.valid & self.i.ready & self.i.payload.spoiled),
        ]
        if config.checks:
            self._elaborate_checks(m, source)
        for inner, port in zip(unit.thresholds, self.thresholds, strict=True):
            m.d.comb += inner.eq(port)
        return m

    def _weight_memory(self):
        if self._family == "ice40" and SinglePortMemory.holds(self.config):
            return SinglePortMemory(self.config.weight_lines)
        return WideMemory(self.config.line_bytes // 4, self.config.weight_lines, self._family)

    def _elaborate_checks(self, m, source):
        """Tell what is wrong, where addresses and counts are made."""
        parts = m.submodules
        m.submodules.descriptor_check = descriptors = DescriptorCheck(self.config)
        m.submodules.read_check = reads = ReadCheck(self.config)
        m.submodules.logit_check = logits = LogitCheck(self.config)
        loops, fetch, drain = parts.loops, parts.operand_fetch, parts.drain
        lines = Signal()
        m.d.sync += lines.eq(loops.valid & (loops.step.line >= self.config.weight_lines))
        m.d.comb += [
            descriptors.descriptor.eq(loops.descriptor),
            descriptors.source.eq(source),
            descriptors.start.eq(loops.start),
            reads.address.eq(fetch.address),
            reads.mask.eq(fetch.mask),
            logits.valid.eq(drain.logit_valid),
            logits.last.eq(drain.logit_last),
            logits.missing.eq(drain.logit_missing),
            self.faults.descriptor.eq(descriptors.illegal),
            self.faults.program.eq(parts.descriptor_fetch.past),
            self.faults.read.eq(reads.beyond | drain.faults.read),
            self.faults.write.eq(drain.faults.write | parts.image_loader.beyond),
            self.faults.weights.eq(lines),
            self.faults.channels.eq(drain.faults.channels),
            self.faults.tile.eq(drain.faults.tile),
            self.faults.classes.eq(logits.wrong),
        ]
