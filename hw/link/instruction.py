"""Instructions of the link's sequencer, and what puts a program of them together.

An instruction is a word of 16 bits::

    1 . n c c c c t t t t t t t t t    jump: to t if condition c holds, with n if it does not
    0 1 0 k i w . . o o o o o o o o    load or add an operand: k keeps the accumulator, i inverts
                                       the operand, w adds the carry
    0 0 1 . . . . . o o o o o o o o    store the accumulator
    0 0 0 p p p p p p p p p p p p p    control pulses
    0 1 1 . . . . . . . . . . s f h    serial: bits of the accumulator go out, its upper half
                                       with h; f and s are as the receiver takes them

and an operand is one of::

    1 d d d d d d d    a variable
    0 1 . . . r r r    byte r of the record that the pointer points at
    0 0 . p p p p p    a port
"""

from collections.abc import Iterator
from dataclasses import dataclass

from amaranth.lib import enum

__all__ = [
    "N_CONDITIONS",
    "N_CONTROLS",
    "N_PORT_WORDS",
    "N_VARIABLES",
    "PROGRAM_WORDS",
    "RECORD_BYTES",
    "Assembler",
    "Condition",
    "Control",
    "MicroProgram",
    "Port",
]

PROGRAM_WORDS = 512
N_VARIABLES = 128
N_PORT_WORDS = 5
"""Words of four bytes that the sequencer can read besides its memory."""
N_CONDITIONS = 16
N_CONTROLS = 13
RECORD_BYTES = 8

JUMP = 1 << 15
NEGATED = 1 << 13
CONDITION_LSB = 9

ACCUMULATE = 1 << 14
STORE = 1 << 13
KEEP = 1 << 12
INVERT = 1 << 11
WITH_CARRY = 1 << 10

VARIABLE = 1 << 7
RECORD = 1 << 6

UPPER_HALF = 1 << 0
FEEDBACK = 1 << 1
SEND = 1 << 2


class Port(enum.IntEnum):
    """What the sequencer can read besides its memory, as numbers of the first byte."""

    REQUEST = 0
    """Word of the request, 4 bytes."""
    READ_DATA = 4
    """RDATA, 4 bytes."""
    RESULT = 8
    """TDATA of a result, 8 bytes."""
    CREDIT = 16
    """Free bytes of the buffer, 2 bytes."""
    CRC = 18
    """Lowest byte of the CRC, inverted as it is sent."""


class Condition(enum.IntEnum):
    """What a jump asks for."""

    ALWAYS = 0
    ZERO = 1
    """The accumulator is 0."""
    CARRY = 2
    """Of the last addition; of a subtraction: there was no borrow."""
    ODD = 3
    """Bit 0 of the accumulator."""
    REQUEST = 4
    """There is a request."""
    RESULT = 5
    """The engine offers a result."""
    WRITTEN = 6
    """BVALID."""
    READ = 7
    """RVALID."""
    BUS_ERROR = 8
    """The response that is there says so."""
    OFFERING = 9
    """An image word is not taken yet."""


class Control(enum.IntEnum):
    """What a pulse does."""

    NEXT_WORD = 0
    """Go on to the next word of the request."""
    POINTER = 1
    """Point at the record of the accumulator: number in its upper 5 bits, page in bit 2."""
    ADDRESS_LOW = 2
    ADDRESS_HIGH = 3
    """The accumulator is a byte of the bus address."""
    WRITE = 4
    """Write the word of the request."""
    READ = 5
    ACKNOWLEDGE = 6
    """Take the response, or the image word back."""
    OFFER = 7
    """Offer the word of the request to the image stream."""
    LAST = 8
    """With `OFFER`: it ends the image."""
    TAKE = 9
    """Take the result."""
    RESET = 10
    """Reset the engine."""
    SEND_FLAG = 11
    """Send the accumulator as it is."""


@dataclass(frozen=True)
class MicroProgram:
    """A program and the memory that it begins with.

    Attributes
    ----------
    words : tuple of int
        Instructions.
    variables : tuple of int
        First values of the variables, bytes.
    labels : dict
        Where in the program what stands.
    """

    words: tuple[int, ...]
    variables: tuple[int, ...]
    labels: dict[str, int]


class Assembler:
    """Put a program together, instruction by instruction.

    Variables are named when they are first used; those that were not declared with a value begin
    with 0. Numbers as operands are kept in variables of their own.
    """

    def __init__(self):
        self._words: list[int] = []
        self._labels: dict[str, int] = {}
        self._targets: dict[int, str] = {}
        self._values: list[int] = []
        self._places: dict[str | int, int] = {}
        self._numbers = 0

    # -- memory -------------------------------------------------------------------------------

    def declare(self, name: str, content: bytes) -> None:
        """Place variables ``name``, ``name+1`` ... with these values next."""
        for offset, value in enumerate(content):
            self._place(f"{name}+{offset}" if offset else name, value)

    def _place(self, name: str | int, value: int) -> int:
        if name not in self._places:
            if len(self._values) == N_VARIABLES:
                raise ValueError(f"Variables must be at most {N_VARIABLES}, not more ({name!r})")
            self._places[name] = len(self._values)
            self._values.append(value)
        return self._places[name]

    def _operand(self, operand: "str | int | tuple") -> int:
        match operand:
            case int():
                return VARIABLE | self._place(operand, operand)
            case str():
                return VARIABLE | self._place(operand, 0)
            case ("record", offset):
                return RECORD | offset
            case (port, offset):
                return port + offset

    # -- instructions -------------------------------------------------------------------------

    def label(self, name: str) -> None:
        """Call what follows `name`."""
        if name in self._labels:
            raise ValueError(f"Label must be new, not {name!r}")
        self._labels[name] = len(self._words)

    def fresh(self) -> str:
        """Return a name for a label that no other has."""
        self._numbers += 1
        return f"_{self._numbers}"

    def load(self, operand) -> None:
        """Load the accumulator."""
        self._emit(ACCUMULATE | self._operand(operand))

    def add(self, operand, *, with_carry: bool = False) -> None:
        """Add to the accumulator."""
        flags = WITH_CARRY if with_carry else 0
        self._emit(ACCUMULATE | KEEP | flags | self._operand(operand))

    def subtract(self, operand, *, with_carry: bool = False) -> None:
        """Subtract from the accumulator."""
        flags = INVERT | (WITH_CARRY if with_carry else 0)
        self._emit(ACCUMULATE | KEEP | flags | self._operand(operand))

    def store(self, *operands) -> None:
        """Store the accumulator."""
        for operand in operands:
            self._emit(STORE | self._operand(operand))

    def pulse(self, *controls: Control) -> None:
        """Pulse controls."""
        self._emit(sum(1 << control for control in controls))

    def serial(self, *, feedback: bool, send: bool = False) -> None:
        """Shift the accumulator into the CRC, as data or as the CRC itself; then send it."""
        flags = FEEDBACK if feedback else 0
        self._emit(ACCUMULATE | STORE | flags)
        self._emit(ACCUMULATE | STORE | flags | UPPER_HALF | (SEND if send else 0))

    def jump(self, target: str) -> None:
        """Go on at a label."""
        self.jump_if(Condition.ALWAYS, target)

    def jump_if(self, condition: Condition, target: str) -> None:
        """Go on at a label if a condition holds."""
        self._targets[len(self._words)] = target
        self._emit(JUMP | condition << CONDITION_LSB)

    def jump_unless(self, condition: Condition, target: str) -> None:
        """Go on at a label if a condition does not hold."""
        self._targets[len(self._words)] = target
        self._emit(JUMP | NEGATED | condition << CONDITION_LSB)

    def _emit(self, word: int) -> None:
        self._words.append(word)

    def _linked(self) -> Iterator[int]:
        for place, word in enumerate(self._words):
            yield word | self._labels[self._targets[place]] if place in self._targets else word

    def assemble(self) -> MicroProgram:
        """Return the program; ValueError if it is too long, KeyError if a label lacks."""
        if len(self._words) > PROGRAM_WORDS:
            raise ValueError(
                f"Program must have at most {PROGRAM_WORDS} words, not {len(self._words)}"
            )
        return MicroProgram(tuple(self._linked()), tuple(self._values), dict(self._labels))
