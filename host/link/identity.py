"""What a board says that it is, and whether a program runs there."""

from dataclasses import dataclass
from typing import Any

from ...golden.spec import engine_registers as engine_map
from ...golden.spec import link
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.engine import EngineConfig
from ...golden.spec.link import BoardStatus
from ...golden.spec.operation import LOOPS
from ...golden.spec.program import Program
from .errors import BoardError

N_WORDS = 8
"""Registers from address 0 on that identify the engine."""

_MAP = engine_map.engine_registers(EngineConfig())
_NAMES = (
    "magic", "version", "array", "decision", "activation_bytes", "weight_lines", "channel_lines",
    "program_words",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A board.

    Attributes
    ----------
    engine : EngineConfig
        Array, memories and decision unit.
    build_hash : int
        Of what the bitstream was made of.
    clock_hz : int
    buffer_bytes, result_slots : int
        Of the link.
    """

    engine: EngineConfig
    build_hash: int
    clock_hz: int
    buffer_bytes: int
    result_slots: int

    def describe(self) -> dict[str, object]:
        """Return what people want to know."""
        return {
            "array": f"{self.engine.in_lanes} x {self.engine.out_lanes}",
            "clock_hz": self.clock_hz,
            "build_hash": f"{self.build_hash:08x}",
        }


def check_status(status: BoardStatus) -> None:
    """Raise `BoardError` unless the link of a board is one that this driver speaks."""
    if status.magic != link.MAGIC:
        raise BoardError(f"Board must say {link.MAGIC!r} first, not {status.magic!r}")
    if status.major != link.VERSION_MAJOR:
        raise BoardError(
            f"Bitstream must have the link of version {link.VERSION_MAJOR}, "
            f"not {status.major}.{status.minor} (build it with this release)"
        )


def identify(status: BoardStatus, registers: bytes) -> Identity:
    """Return what a board is.

    Parameters
    ----------
    status : BoardStatus
    registers : bytes
        Its first `N_WORDS` registers.

    Raises
    ------
    BoardError
        It has no engine that this release knows.
    """
    words = [int.from_bytes(registers[4 * k : 4 * k + 4], "little") for k in range(N_WORDS)]
    values = {name: _MAP[name].unpack(word) for name, word in zip(_NAMES, words, strict=True)}
    if len(registers) != 4 * N_WORDS or values["magic"]["magic"] != engine_map.MAGIC:
        raise BoardError(f"Board must have an engine, not registers {registers.hex()}")
    major, minor = values["version"]["major"], values["version"]["minor"]
    if major != engine_map.VERSION_MAJOR or minor < engine_map.VERSION_MINOR:
        raise BoardError(
            f"Bitstream must have registers of version {engine_map.VERSION_MAJOR}."
            f"{engine_map.VERSION_MINOR}, not {major}.{minor} (build it with this release)"
        )
    decision = values["decision"]
    array: dict[str, Any] = dict(values["array"])
    array |= {name: bool(array[name]) for name in ("residual", "checks", "counters")}
    array |= {name: values[name][name] for name in _NAMES[4:]}
    try:
        engine = EngineConfig(
            **array,
            decision=DecisionConfig(
                n_classes=decision["classes"],
                n_exits=decision["exits"],
                fraction_bits=decision["fraction_bits"],
                mantissa_bits=decision["mantissa_bits"],
            ),
        )
    except ValueError as error:
        raise BoardError(f"Board must have an engine of this release: {error}") from None
    return Identity(
        engine=engine,
        build_hash=status.build_hash,
        clock_hz=status.clock_hz,
        buffer_bytes=status.buffer_bytes,
        result_slots=status.result_slots,
    )


def check_build(identity: Identity, build_hash: int) -> None:
    """Raise `BoardError` unless a board's bitstream is that of a hash."""
    if identity.build_hash != build_hash:
        raise BoardError(
            f"Bitstream must be that of build {build_hash:08x}, not {identity.build_hash:08x}"
        )


def check_program(identity: Identity, program: Program) -> None:
    """Raise `BoardError` unless a program runs on a board."""
    board, needed = identity.engine, program.config
    for thing, has, needs in (
        ("lanes of inputs", board.in_lanes, needed.in_lanes),
        ("lanes of outputs", board.out_lanes, needed.out_lanes),
        ("requantizers", board.requantizers, needed.requantizers),
        ("fraction bits", board.decision.fraction_bits, needed.decision.fraction_bits),
        ("mantissa bits", board.decision.mantissa_bits, needed.decision.mantissa_bits),
    ):
        if has != needs:
            raise BoardError(f"Program must be for {has} {thing} as the board's, not {needs}")
    for thing, has, needs in (
        ("words of program", board.program_words, len(program.words)),
        ("words of channels", engine_map.load_words(board)[1], len(program.channels)),
        ("bytes of weights", board.weight_lines * board.line_bytes, len(program.weights)),
        ("bytes of activations", board.activation_bytes, needed.activation_bytes),
        ("exits", board.decision.n_exits, len(program.thresholds)),
        ("classes", board.decision.n_classes, program.n_classes),
        ("iterations of a loop", 1 << board.count_bits, _most_iterations(program)),
    ):
        if needs > has:
            raise BoardError(f"Program must have at most {has} {thing} on the board, not {needs}")
    if not board.residual and any(operation.residual for operation in program.operations):
        raise BoardError("Program must have no residual additions on a board without, not some")


def _most_iterations(program: Program) -> int:
    counts: list[int] = [
        getattr(operation, loop) for operation in program.operations for loop in LOOPS
    ]
    return max(counts)
