"""The register map of the exit decision unit."""

from collections.abc import Iterator

from .bounds import any_threshold_bounds, gate_bias_bounds
from .criteria import GATE_WEIGHT, SELECTION_WIDTH, Criterion
from .decision import DecisionConfig
from .decision_streams import check_bus_config
from .histogram import HISTOGRAM_BINS
from .identification import constant, identification
from .registers import WORD_BYTES, Access, Array, Field, Register, RegisterMap
from .rules import ExitRule

MAGIC = int.from_bytes(b"OFRD", "big")
"""What the first register reads: the unit is there."""

VERSION_MAJOR = 1
"""Rises when a program written for the map before would no longer work."""
VERSION_MINOR = 1
"""Rises when something was added."""

ADDRESS_WIDTH = 12
"""Bits of a byte address: 4 KiB, the smallest region that interconnects decode."""

EXIT_BASE = 0x400
EXIT_STRIDE = 0x40


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
            _status(config),
            _budget_guard(config),
            _build_criteria(config),
            _cycles("cycles_low", 0x020, latch=True),
            _cycles("cycles_high", 0x024, latch=False),
            *_settings(config, exits),
            _counter("seen", 0x08, (exits,), f"Decisions at an exit, {count}."),
            _counter("exited", 0x0C, (exits,), f"Exits taken, forced ones included, {count}."),
            _counter(
                "histogram",
                0x20,
                (exits, Array("bin", HISTOGRAM_BINS, 4)),
                f"Decisions at an exit by the score of their criterion, {count}.",
            ),
        ),
    )


def rule_fields(config: DecisionConfig, rule: ExitRule) -> Iterator[tuple[str, str, int]]:
    """Yield register, field and value of all that makes an exit decide by a rule."""
    if len(config.criteria) > 1:
        yield "exit_control", "criterion", Criterion(rule.criterion).code
    yield "threshold", "score", rule.threshold
    if rule.criterion == Criterion.GATE:
        yield "gate_bias", "bias", rule.offset
        for name in config.features:
            yield f"weight_{name}", "weight", rule.weights.get(name, 0)


def config_of_parameters(parameters_0: int, parameters_1: int, parameters_2: int) -> DecisionConfig:
    """Return the configuration of a unit from its parameter registers.

    Raises
    ------
    ValueError
        If no unit has such parameters.
    """
    # the fields lie at the same place in every configuration
    first, second = _parameters(DecisionConfig())
    third = _build_criteria(DecisionConfig())
    values = {
        **first.unpack(parameters_0),
        **second.unpack(parameters_1),
        **third.unpack(parameters_2),
    }
    return DecisionConfig(
        n_classes=values["classes"],
        logit_width=values["logit_width"],
        fraction_bits=values["fraction_bits"],
        mantissa_bits=values["mantissa_bits"],
        n_exits=values["exits"],
        tag_width=values["tag_width"],
        lanes=values["lanes"],
        criteria=tuple(name for name in Criterion if values["criteria"] >> name.code & 1),
    )


def _settings(config: DecisionConfig, exits: Array) -> tuple[Register, ...]:
    """Return the registers that tell how an exit decides."""
    low, high = any_threshold_bounds(config)
    registers = [
        Register(
            name="threshold",
            offset=EXIT_BASE,
            arrays=(exits,),
            fields=(
                Field(
                    name="score",
                    lsb=0,
                    width=config.score_format.width,
                    signed=True,
                    access=Access.READ_WRITE,
                    reset=high,
                    low=low,
                    high=high,
                    text="score of the exit's criterion from which on the exit is taken",
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
                Field(
                    name="criterion",
                    lsb=8,
                    width=SELECTION_WIDTH,
                    access=Access.READ_WRITE,
                    reset=Criterion(config.criteria[0]).code,
                    choices=tuple(Criterion(name).code for name in config.criteria),
                    text=_codes(config.criteria),
                ),
            ),
            text="Control of an exit.",
        ),
    ]
    if Criterion.GATE in config.criteria:
        low, high = gate_bias_bounds(config)
        registers.append(
            Register(
                name="gate_bias",
                offset=EXIT_BASE + 0x10,
                arrays=(exits,),
                fields=(
                    Field(
                        name="bias",
                        lsb=0,
                        width=config.score_format_of(Criterion.GATE).width,
                        signed=True,
                        access=Access.READ_WRITE,
                        low=low,
                        high=high,
                        text="what the gate adds to the weighted scores",
                    ),
                ),
                text="Bias of the gate of an exit.",
            )
        )
        registers += [_weight(name, exits) for name in config.features]
    return tuple(registers)


def _weight(name: Criterion, exits: Array) -> Register:
    return Register(
        name=f"weight_{name}",
        offset=EXIT_BASE + 0x14 + WORD_BYTES * name.code,
        arrays=(exits,),
        fields=(
            Field(
                name="weight",
                lsb=0,
                width=GATE_WEIGHT.width,
                signed=True,
                access=Access.READ_WRITE,
                text=f"what the gate multiplies the score of the {name} by",
            ),
        ),
        text="Weight of the gate of an exit.",
    )


def _codes(criteria: tuple[str, ...]) -> str:
    codes = ", ".join(f"{Criterion(name).code} {name}" for name in criteria)
    return f"what the exit decides by: {codes}"


def _parameters(config: DecisionConfig) -> tuple[Register, Register]:
    return (
        Register(
            name="parameters_0",
            offset=0x008,
            fields=(
                constant("classes", 0, 16, config.n_classes, "most logits in a vector"),
                constant("logit_width", 16, 8, config.logit_width, "bits of a logit"),
                constant(
                    "fraction_bits", 24, 8, config.fraction_bits, "logit LSBs are 2**-this octaves"
                ),
            ),
            text="Build parameters: logits.",
        ),
        Register(
            name="parameters_1",
            offset=0x00C,
            fields=(
                constant(
                    "mantissa_bits", 0, 8, config.mantissa_bits, "bits of the exponential table"
                ),
                constant("exits", 8, 8, config.n_exits, "number of exits"),
                constant("tag_width", 16, 8, config.tag_width, "bits of a sample tag"),
            ),
            text="Build parameters: exits.",
        ),
    )


def _build_criteria(config: DecisionConfig) -> Register:
    mask = sum(1 << Criterion(name).code for name in config.criteria)
    text = "criteria that are there, a bit for each code"
    return Register(
        name="parameters_2",
        offset=0x01C,
        fields=(
            constant("criteria", 0, 8, mask, text),
            constant("lanes", 8, 8, config.lanes, "most logits in a beat"),
        ),
        text="Build parameters: criteria and lanes.",
    )


def _identification(config: DecisionConfig) -> tuple[Register, ...]:
    return (
        *identification(MAGIC, "a decision unit", (VERSION_MAJOR, VERSION_MINOR)),
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


def _status(config: DecisionConfig) -> Register:
    keep = "a beat had TKEEP bits at 0"
    if config.lanes > 1:
        keep += ", other than those of a last beat behind whole logits from the lowest on"
    flags = (
        ("short_vector", "a vector had fewer than 2 logits"),
        ("long_vector", "a vector had more logits than classes"),
        ("exit_index", "a vector came for an exit that there is not"),
        ("keep", keep),
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
