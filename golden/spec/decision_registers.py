"""The register map of the exit decision unit."""

from .decision import DecisionConfig
from .decision_streams import check_bus_config
from .registers import Access, Array, Field, Register, RegisterMap

MAGIC = int.from_bytes(b"OFRD", "big")
"""What the first register reads: the unit is there."""

VERSION_MAJOR = 1
"""Rises when a program written for the map before would no longer work."""
VERSION_MINOR = 0
"""Rises when something was added."""

ADDRESS_WIDTH = 12
"""Bits of a byte address: 4 KiB, the smallest region that interconnects decode."""

HISTOGRAM_BINS = 8

EXIT_BASE = 0x400
EXIT_STRIDE = 0x40


def histogram_bin(config: DecisionConfig, score: int) -> int:
    """Return the bin of a score: one for each octave of the odds from 1 to 64, and the two ends.

    Bin 0 holds scores below 0, confidence below 1/2; bin k those from ``(k - 1) * 2**F``, where
    the odds are ``2**(k - 1)`` to 1; bin 7 all from ``6 * 2**F``, confidence 64/65, on.
    """
    return min(max((score >> config.fraction_bits) + 1, 0), HISTOGRAM_BINS - 1)


def decision_registers(config: DecisionConfig) -> RegisterMap:
    """Return the register map of the unit; addresses are the same for every configuration."""
    check_bus_config(config)
    exits = Array("exit", config.n_exits, EXIT_STRIDE)
    count = "modulo 2**32; decisions in error are not counted"
    return RegisterMap(
        name="decision",
        address_width=ADDRESS_WIDTH,
        registers=(
            *_identification(config),
            _control(),
            _status(),
            _budget_guard(config),
            _cycles("cycles_low", 0x020, latch=True),
            _cycles("cycles_high", 0x024, latch=False),
            Register(
                name="threshold",
                offset=EXIT_BASE,
                arrays=(exits,),
                fields=(
                    Field(
                        name="log_odds",
                        lsb=0,
                        width=config.threshold_format.width,
                        signed=True,
                        access=Access.READ_WRITE,
                        reset=config.threshold_high,
                        low=config.threshold_low,
                        text="log-odds in logit LSBs at which the exit is taken",
                    ),
                ),
                text="Threshold of an exit.",
            ),
            Register(
                name="exit_control",
                offset=EXIT_BASE + 0x04,
                arrays=(exits,),
                fields=(
                    Field(
                        name="enable",
                        lsb=0,
                        width=1,
                        access=Access.READ_WRITE,
                        reset=1,
                        text="the exit may be taken; at 0 only the budget guard takes it",
                    ),
                ),
                text="Control of an exit.",
            ),
            _counter("seen", 0x08, (exits,), f"Decisions at an exit, {count}."),
            _counter("exited", 0x0C, (exits,), f"Exits taken, forced ones included, {count}."),
            _counter(
                "histogram",
                0x20,
                (exits, Array("bin", HISTOGRAM_BINS, 4)),
                "Decisions at an exit by score: bin 0 below 0 (confidence below 1/2), bin k from "
                f"(k - 1) * 2**fraction_bits (odds 2**(k - 1) to 1) to the next, the last without "
                f"an upper end; {count}.",
            ),
        ),
    )


def config_of_parameters(parameters_0: int, parameters_1: int) -> DecisionConfig:
    """Return the configuration of a unit from its two parameter registers.

    Raises
    ------
    ValueError
        If no unit has such parameters.
    """
    # the fields lie at the same place in every configuration
    first, second = _parameters(DecisionConfig())
    values = {**first.unpack(parameters_0), **second.unpack(parameters_1)}
    return DecisionConfig(
        n_classes=values["classes"],
        logit_width=values["logit_width"],
        fraction_bits=values["fraction_bits"],
        mantissa_bits=values["mantissa_bits"],
        n_exits=values["exits"],
        tag_width=values["tag_width"],
    )


def _constant(name: str, lsb: int, width: int, value: int, text: str) -> Field:
    return Field(name=name, lsb=lsb, width=width, access=Access.CONSTANT, reset=value, text=text)


def _parameters(config: DecisionConfig) -> tuple[Register, Register]:
    return (
        Register(
            name="parameters_0",
            offset=0x008,
            fields=(
                _constant("classes", 0, 16, config.n_classes, "most logits in a vector"),
                _constant("logit_width", 16, 8, config.logit_width, "bits of a logit"),
                _constant(
                    "fraction_bits", 24, 8, config.fraction_bits, "logit LSBs are 2**-this octaves"
                ),
            ),
            text="Build parameters: logits.",
        ),
        Register(
            name="parameters_1",
            offset=0x00C,
            fields=(
                _constant(
                    "mantissa_bits", 0, 8, config.mantissa_bits, "bits of the exponential table"
                ),
                _constant("exits", 8, 8, config.n_exits, "number of exits"),
                _constant("tag_width", 16, 8, config.tag_width, "bits of a sample tag"),
            ),
            text="Build parameters: exits.",
        ),
    )


def _identification(config: DecisionConfig) -> tuple[Register, ...]:
    return (
        Register(
            name="magic",
            offset=0x000,
            fields=(_constant("magic", 0, 32, MAGIC, 'the letters "OFRD"'),),
            text="Says that this is a decision unit.",
        ),
        Register(
            name="version",
            offset=0x004,
            fields=(
                _constant("minor", 0, 16, VERSION_MINOR, "rises when something was added"),
                _constant("major", 16, 16, VERSION_MAJOR, "rises when programs must change"),
            ),
            text="Version of this register map.",
        ),
        *_parameters(config),
    )


def _control() -> Register:
    return Register(
        name="control",
        offset=0x010,
        fields=(
            Field(
                name="enable",
                lsb=0,
                width=1,
                access=Access.READ_WRITE,
                text="take vectors; at 0 no new vector is begun, one begun is finished",
            ),
            Field(
                name="clear_counters",
                lsb=1,
                width=1,
                access=Access.PULSE,
                text="set seen, exited, histogram and cycles to 0",
            ),
        ),
        text="Control of the unit.",
    )


def _status() -> Register:
    flags = (
        ("short_vector", "a vector had fewer than 2 logits"),
        ("long_vector", "a vector had more logits than classes"),
        ("exit_index", "a vector came for an exit that there is not"),
        ("keep", "a beat had TKEEP bits at 0"),
    )
    return Register(
        name="status",
        offset=0x014,
        fields=tuple(
            Field(name=name, lsb=bit, width=1, access=Access.WRITE_1_TO_CLEAR, text=text)
            for bit, (name, text) in enumerate(flags)
        ),
        text="Errors since they were cleared, set with the last beat of the vector. Such a vector "
        "has a decision with the error flag, which is never an exit.",
    )


def _budget_guard(config: DecisionConfig) -> Register:
    return Register(
        name="budget_guard",
        offset=0x018,
        fields=(
            Field(
                name="enable",
                lsb=0,
                width=1,
                access=Access.READ_WRITE,
                text="the guard forces exits",
            ),
            Field(
                name="exit_index",
                lsb=8,
                width=config.exit_index_width,
                access=Access.READ_WRITE,
                text="exits of this index and above are always taken",
            ),
        ),
        text="Bounds the worst case: no sample goes further than the exit it names.",
    )


def _cycles(name: str, offset: int, *, latch: bool) -> Register:
    text = (
        "Clock cycles in which the unit was enabled, low half; reading it keeps the high half that "
        "belongs to it."
        if latch
        else "High half of the cycles, as kept by the last read of the low half."
    )
    field = Field(name="cycles", lsb=0, width=32, text="")
    return Register(name=name, offset=offset, latch=latch, fields=(field,), text=text)


def _counter(name: str, offset: int, arrays: tuple[Array, ...], text: str) -> Register:
    field = Field(name="count", lsb=0, width=32, text="")
    return Register(
        name=name,
        offset=EXIT_BASE + offset,
        arrays=arrays,
        memory=True,
        fields=(field,),
        text=text,
    )
