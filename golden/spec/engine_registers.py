"""The register map of the accelerator engine."""

from .bounds import any_threshold_bounds
from .engine import EngineConfig
from .engine_faults import IMAGE_FAULTS, PROGRAM_FAULTS
from .engine_streams import check_engine_buses
from .identification import constant, identification
from .program import CHANNEL_WORDS
from .registers import WORD_BYTES, Access, Array, Field, Register, RegisterMap

MAGIC = int.from_bytes(b"OFRA", "big")
"""What the first register reads: the engine is there."""

VERSION_MAJOR = 1
"""Rises when a program written for the map before would no longer work."""
VERSION_MINOR = 1
"""Rises when something was added."""

ADDRESS_WIDTH = 12
"""Bits of a byte address: 4 KiB, the smallest region that interconnects decode."""

EXIT_BASE = 0x400
EXIT_STRIDE = 0x10

WATCHDOG_CYCLES = 1 << 24
"""Cycles that an image may take after reset: the zoo's longest takes 0.9 million."""

MEMORIES = ("program", "channels", "weights")
"""Memories that are loaded, by their code."""

FLAGS: dict[str, str] = {
    **IMAGE_FAULTS,
    **PROGRAM_FAULTS,
    "watchdog": "an image took more cycles than the watchdog allows",
    "load": "a word was loaded past its memory, and not written",
}
"""Flags of the errors, from bit 0 on."""


def load_words(config: EngineConfig) -> tuple[int, ...]:
    """Return the words of 32 bits of each of `MEMORIES`."""
    return (
        config.program_words,
        config.channel_lines * config.requantizers * CHANNEL_WORDS,
        config.weight_lines * config.line_bytes // WORD_BYTES,
    )


def engine_registers(config: EngineConfig) -> RegisterMap:
    """Return the register map of an engine; addresses are the same for every configuration.

    What an engine has not, counters or words to peek at, has no registers.
    """
    check_engine_buses(config)
    return RegisterMap(
        name="accelerator",
        address_width=ADDRESS_WIDTH,
        registers=(
            *_identification(config),
            *_control(),
            *_image(config),
            *_memories(config),
            *(_counters() if config.counters else ()),
            *_exits(config),
        ),
    )


def _identification(config: EngineConfig) -> tuple[Register, ...]:
    decision = config.decision
    return (
        *identification(MAGIC, "an accelerator", (VERSION_MAJOR, VERSION_MINOR)),
        Register(
            name="array",
            offset=0x008,
            fields=(
                constant("in_lanes", 0, 8, config.in_lanes, "activations of a cycle"),
                constant("out_lanes", 8, 8, config.out_lanes, "output channels side by side"),
                constant("requantizers", 16, 8, config.requantizers, "results of a cycle"),
                constant("residual", 24, 1, int(config.residual), "has residual additions"),
                constant("checks", 25, 1, int(config.checks), "tells what is wrong in programs"),
                constant("counters", 26, 1, int(config.counters), "counts images and cycles"),
                constant("count_bits", 28, 4, config.count_bits, "iterations are up to 2**this"),
            ),
            text="Build parameters: array.",
        ),
        Register(
            name="decision",
            offset=0x00C,
            fields=(
                constant("classes", 0, 16, decision.n_classes, "most logits of an exit"),
                constant("exits", 16, 8, decision.n_exits, "number of exits"),
                constant(
                    "fraction_bits",
                    24,
                    4,
                    decision.fraction_bits,
                    "logit LSBs are 2**-this octaves",
                ),
                constant(
                    "mantissa_bits", 28, 4, decision.mantissa_bits, "bits of the exponential table"
                ),
            ),
            text="Build parameters: decision unit.",
        ),
        _size("activation_bytes", 0x010, config.activation_bytes, "bytes of activations"),
        _size("weight_lines", 0x014, config.weight_lines, "lines of weights"),
        _size("channel_lines", 0x018, config.channel_lines, "lines of channels"),
        _size("program_words", 0x01C, config.program_words, "words of the program"),
    )


def _size(name: str, offset: int, value: int, text: str) -> Register:
    field = constant(name, 0, 32, value, "")
    return Register(name=name, offset=offset, fields=(field,), text=f"Build parameter: {text}.")


def _control() -> tuple[Register, ...]:
    return (
        Register(
            name="control",
            offset=0x020,
            fields=(
                Field(
                    name="enable",
                    lsb=0,
                    width=1,
                    access=Access.READ_WRITE,
                    text="take images; at 0 none is begun, those inside are finished",
                ),
                Field(
                    name="hold",
                    lsb=1,
                    width=1,
                    access=Access.READ_WRITE,
                    text="begin no operation; the watchdog waits",
                ),
                Field(
                    name="abort",
                    lsb=2,
                    width=1,
                    access=Access.PULSE,
                    text="drop the images inside, each answered by a result in error; memories "
                    "and registers stay as they are",
                ),
                Field(
                    name="clear_counters",
                    lsb=3,
                    width=1,
                    access=Access.PULSE,
                    text="set images, cycles, left and dropped to 0",
                ),
            ),
            text="Control of the engine.",
        ),
        Register(
            name="status",
            offset=0x024,
            fields=(
                Field(name="working", lsb=0, width=1, text="an image is inside"),
                Field(name="held", lsb=1, width=1, text="an operation waits for hold to end"),
                Field(name="receiving", lsb=2, width=1, text="in mid-image on the stream"),
            ),
            text="What the engine does now.",
        ),
        Register(
            name="errors",
            offset=0x028,
            fields=tuple(
                Field(name=name, lsb=bit, width=1, access=Access.WRITE_1_TO_CLEAR, text=text)
                for bit, (name, text) in enumerate(FLAGS.items())
            ),
            text="Errors since they were cleared. An image that meets one has a result with the "
            "error flag.",
        ),
        Register(
            name="interrupt_enable",
            offset=0x02C,
            fields=tuple(
                Field(
                    name=name,
                    lsb=bit,
                    width=1,
                    access=Access.READ_WRITE,
                    text=f"the flag {name} of errors raises irq",
                )
                for bit, name in enumerate(FLAGS)
            ),
            text="`irq` is high while a flag is set that is enabled here.",
        ),
        Register(
            name="watchdog",
            offset=0x030,
            fields=(
                Field(
                    name="cycles",
                    lsb=0,
                    width=32,
                    access=Access.READ_WRITE,
                    reset=WATCHDOG_CYCLES,
                    low=1,
                    text="not counted while held or while the receiver makes it wait; "
                    "sampled when it begins",
                ),
            ),
            text="Most cycles of an image, as its result counts them; if it takes more, it is "
            "dropped.",
        ),
    )


def _image(config: EngineConfig) -> tuple[Register, ...]:
    last = config.activation_bytes // WORD_BYTES - 1

    def place(name: str, offset: int, text: str) -> Register:
        field = Field(
            name="word",
            lsb=2,
            width=last.bit_length(),
            access=Access.READ_WRITE,
            high=last,
            text="",
        )
        return Register(name=name, offset=offset, fields=(field,), idle_only=True, text=text)

    return (
        place("image_base", 0x040, "Byte address of the first image buffer, a multiple of 4."),
        place("image_stride", 0x044, "Bytes from the first image buffer to the second."),
        Register(
            name="image_words",
            offset=0x048,
            fields=(
                Field(
                    name="words",
                    lsb=0,
                    width=16,
                    access=Access.READ_WRITE,
                    reset=1,
                    low=1,
                    text="",
                ),
            ),
            idle_only=True,
            text="Beats of an image.",
        ),
    )


def _memories(config: EngineConfig) -> tuple[Register, ...]:
    codes = ", ".join(f"{code} {name}" for code, name in enumerate(MEMORIES))
    width = (max(load_words(config)) - 1).bit_length()
    return (
        Register(
            name="load_address",
            offset=0x050,
            fields=(
                Field(
                    name="word",
                    lsb=0,
                    width=width,
                    access=Access.WRITE_ONLY,
                    text="in words; rises by one with each that is loaded",
                ),
                Field(
                    name="memory",
                    lsb=24,
                    width=2,
                    access=Access.WRITE_ONLY,
                    choices=tuple(range(len(MEMORIES))),
                    text=codes,
                ),
            ),
            idle_only=True,
            text="Where the next word goes that is loaded.",
        ),
        Register(
            name="load_data",
            offset=0x054,
            fields=(Field(name="word", lsb=0, width=32, access=Access.WRITE_ONLY, text=""),),
            idle_only=True,
            text="A word for the memory that is loaded, laid out as in `golden/spec/program.py`.",
        ),
        *(_peeks(config) if config.residual else ()),
    )


def _peeks(config: EngineConfig) -> tuple[Register, ...]:
    last = config.activation_bytes // WORD_BYTES - 1
    return (
        Register(
            name="peek_address",
            offset=0x058,
            fields=(
                Field(
                    name="word",
                    lsb=2,
                    width=last.bit_length(),
                    access=Access.WRITE_ONLY,
                    high=last,
                    text="",
                ),
            ),
            text="Byte address of the next word that is peeked, a multiple of 4; rises by 4 with "
            "each.",
        ),
        Register(
            name="peek_data",
            offset=0x05C,
            fields=(Field(name="word", lsb=0, width=32, text=""),),
            memory=True,
            text="Four bytes of the activation memory, the first in the lowest bits; while the "
            "engine is held or no image is inside.",
        ),
    )


def _counters() -> tuple[Register, ...]:
    def count(name: str, offset: int, text: str, *, latch: bool = False) -> Register:
        field = Field(name=name, lsb=0, width=32, text="")
        return Register(name=name, offset=offset, fields=(field,), latch=latch, text=text)

    return (
        count("images", 0x080, "Images that came, modulo 2**32."),
        Register(
            name="dropped",
            offset=0x084,
            fields=(Field(name="count", lsb=0, width=32, text=""),),
            memory=True,
            text="Results in error, modulo 2**32.",
        ),
        count(
            "cycles_low",
            0x088,
            "Clock cycles in which an image was worked on, low half; reading it keeps the high "
            "half that belongs to it.",
            latch=True,
        ),
        count(
            "cycles_high",
            0x08C,
            "High half of the cycles, as kept by the last read of the low half.",
        ),
    )


def _exits(config: EngineConfig) -> tuple[Register, ...]:
    exits = Array("exit", config.decision.n_exits, EXIT_STRIDE)
    low, high = any_threshold_bounds(config.decision)
    left = Register(
        name="left",
        offset=EXIT_BASE + 0x04,
        arrays=(exits,),
        fields=(Field(name="count", lsb=0, width=32, text=""),),
        memory=True,
        text="Images that left at an exit, modulo 2**32.",
    )
    return (
        Register(
            name="threshold",
            offset=EXIT_BASE,
            arrays=(exits,),
            fields=(
                Field(
                    name="score",
                    lsb=0,
                    width=config.decision.score_format.width,
                    signed=True,
                    access=Access.READ_WRITE,
                    reset=high,
                    low=low,
                    high=high,
                    text="score from which on the exit is taken",
                ),
            ),
            text="Threshold of an exit; that of the final one does not count.",
        ),
        *((left,) if config.counters else ()),
    )
