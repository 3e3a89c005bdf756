"""The engine with buses as an integer model: registers, memories, images in, results out.

It knows no cycles but those it is told of. An image that has come waits until `EngineBank.work`
is called, so that a caller says what happens in which order.
"""

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np

from .engine import Bytes, EngineError, run_program
from .spec.decision_streams import pack
from .spec.engine import EngineConfig
from .spec.engine_registers import FLAGS, MEMORIES, engine_registers, load_words
from .spec.engine_streams import RESULT_FIELDS
from .spec.operation import WORDS, Operation
from .spec.program import Program
from .spec.registers import WORD_BYTES, WORD_MASK

N_INSIDE = 4
"""Most images inside: one that arrives, two buffers, a result that waits."""
N_BUFFERS = 2
"""Image buffers: one is filled while the other is worked on."""

Cycles = Callable[[Program], Mapping[int, int]]
"""Gives the cycles of an image at each exit of a program."""


class EngineBank:
    """Registers, memories and streams around the engine.

    For legal programs everything that it answers is what the hardware answers once it has nothing
    left to do. Illegal ones are answered by results in error, as by the hardware, which may find
    another of their faults first; fields of a result in error are 0 besides.

    Parameters
    ----------
    config : EngineConfig
    cycles : callable
        See `Cycles`; what results and counters say of time.

    Attributes
    ----------
    results : deque of int
        TDATA of results that wait to be taken, the oldest first.
    cycles : int
        Clock cycles in which an image was worked on, since counters were cleared.
    executed : int
        Images that a program was run on, since power-up.
    """

    def __init__(self, config: EngineConfig, cycles: Cycles):
        self.config = config
        self.registers = engine_registers(config)
        self.executed = 0
        self._cycles_of = cycles
        self._memories = [np.zeros(words, np.uint32) for words in load_words(config)]
        self._activations: Bytes = np.zeros(config.activation_bytes, np.uint8)
        self.reset()

    def reset(self) -> None:
        """Take the state after reset; memories keep what they hold."""
        self.results: deque[int] = deque()
        self._words = {
            address: register.reset
            for register in self.registers.registers
            for address in register.addresses
        }
        self.cycles = self._cycles_high = 0
        self._load_memory = self._load_place = 0
        self._peek_word = 0
        self._program: Program | None = None
        self._cycles_at_exit: Mapping[int, int] = {}
        self._drop_engine()
        self._inside: deque[bytes | None] = deque()
        self._receiving = self._swallowing = False

    def _drop_engine(self) -> None:
        """Reset what holds images, but no register."""
        self._image = bytearray()
        self._dropping = False
        self._buffer = 0

    # -- the streams -----------------------------------------------------------------------------

    @property
    def room(self) -> bool:
        """Whether the next word of an image is taken."""
        if self._swallowing:
            return True
        buffers = sum(image is not None for image in self._inside)
        begins = bool(self._field("control", "enable")) and len(self._inside) < N_INSIDE
        return (self._receiving or begins) and buffers < N_BUFFERS

    def take(self, word: bytes, last: bool) -> None:
        """Take a word of an image, of four bytes; only while there is `room`."""
        size = WORD_BYTES * self._field("image_words", "words")
        self._receiving = not last
        if not self._swallowing and not self._dropping:
            self._image += word
            if last != (len(self._image) == size):
                self._flag("image_short" if last else "image_long")
                self._dropping = True
        if not last:
            return
        dropped = self._swallowing or self._dropping
        self._inside.append(None if dropped else bytes(self._image))
        self._image.clear()
        self._swallowing = self._dropping = False
        self._count("images")

    @property
    def idle(self) -> bool:
        """Whether there is no image to work on."""
        return not self._inside or bool(self._field("control", "hold"))

    def work(self, most: int | None = None) -> None:
        """Work on images inside, `most` at most, until their results are there or it is held."""
        while self._inside and (most is None or most > 0):
            most = None if most is None else most - 1
            image = self._inside[0]
            if image is not None and self._field("control", "hold"):
                return
            self._inside.popleft()
            result = None if image is None else self._run(image)
            if result is None:
                self._count("dropped")
                result = {field.name: int(field.name == "error") for field in RESULT_FIELDS}
            else:
                self._count("left", result["exit_index"])
            self.results.append(pack(RESULT_FIELDS, result))

    def _run(self, image: bytes) -> dict[str, int] | None:
        """Return the fields of an image's result; None if it is dropped."""
        self.executed += 1
        try:
            program = self._decoded()
            words: list[Bytes] = [self._activations]
            done = run_program(
                program,
                np.frombuffer(image, np.uint8)[None],
                buffer=self._buffer,
                memory=self._activations,
                watch=lambda _number, _left, memories: words.append(memories[0]),
            )
        except EngineError as error:
            self._drop(error.fault)
            return None
        self._activations = words[-1].copy()
        self._buffer ^= 1
        exit_index = int(done.exit[0])
        cycles = self._cycles_at_exit[exit_index]
        if cycles > self._field("watchdog", "cycles"):
            self._drop("watchdog")
            return None
        # the first cycle of an image is its cycle 0
        self.cycles = (self.cycles + cycles + 1) % (1 << 64)
        return {
            "error": 0,
            "exit_index": exit_index,
            "label": int(done.label[0]),
            "score": int(done.score[0]),
            "cycles": cycles,
        }

    def _decoded(self) -> Program:
        """Return the program that memories and registers hold."""
        if self._program is not None:
            return self._program
        words, channels, weights = self._memories
        operations: list[Operation] = []
        while not operations or not operations[-1].final:
            start = len(operations) * len(WORDS)
            if start + len(WORDS) > len(words):
                raise EngineError("Program must end within its memory", "program")
            descriptor = words[start : start + len(WORDS)].tolist()
            operations.append(Operation.decode(descriptor))
        exits = range(self.config.decision.n_exits)
        self._program = Program(
            config=self.config,
            operations=tuple(operations),
            channels=tuple(channels.tolist()),
            weights=weights.tobytes(),
            image_base=WORD_BYTES * self._field("image_base", "word"),
            image_stride=WORD_BYTES * self._field("image_stride", "word"),
            image_words=self._field("image_words", "words"),
            n_classes=self.config.decision.n_classes,
            thresholds=tuple(self._field("threshold", "score", index) for index in exits),
        )
        self._cycles_at_exit = self._cycles_of(self._program)
        return self._program

    def _drop(self, flag: str = "") -> None:
        """Drop all that is inside, the rest of an image that arrives too."""
        if flag:
            self._flag(flag)
        self._swallowing = self._receiving
        self._inside = deque(None for _ in self._inside)
        self._drop_engine()

    # -- the registers ---------------------------------------------------------------------------

    def read(self, address: int) -> int | None:
        """Return the word at a byte address; None where a read is an error."""
        found = self.registers.find(address)
        if found is None:
            return None
        match found[0].name:
            case "status":
                held = any(image is not None for image in self._inside)
                values = {
                    "working": int(self._working),
                    "held": int(held and bool(self._field("control", "hold"))),
                    "receiving": int(self._receiving),
                }
                return found[0].pack(values)
            case "peek_data":
                start = WORD_BYTES * self._peek_word
                self._peek_word += 1
                word = self._activations[start : start + WORD_BYTES].tobytes()
                return int.from_bytes(word, "little")
            case "cycles_low":
                self._cycles_high = self.cycles >> 32
                return self.cycles & WORD_MASK
            case "cycles_high":
                return self._cycles_high
        return self._words[address]

    def write(self, address: int, word: int) -> bool:
        """Write a word; return False, and change nothing, where that is an error."""
        found = self.registers.find(address)
        if found is None or not found[0].accepts(word):
            return False
        register = found[0]
        if register.idle_only and self._working:
            return False
        self._words[address] = register.written(self._words[address], word)
        self._act(register.name, register.unpack(word))
        return True

    def _act(self, name: str, values: dict[str, int]) -> None:
        """Do what a write to a register does besides keeping the word."""
        match name:
            case "control":
                if values["clear_counters"]:
                    self._clear_counters()
                if values["abort"]:
                    self._drop()
            case "load_address":
                self._load_memory, self._load_place = values["memory"], values["word"]
            case "load_data":
                memory = self._memories[self._load_memory]
                if self._load_place >= len(memory):
                    self._flag("load")
                else:
                    memory[self._load_place] = values["word"]
                    self._load_place += 1
            case "peek_address":
                self._peek_word = values["word"]
        self._program = None

    @property
    def _working(self) -> bool:
        return bool(self._inside) or self._receiving

    def _flag(self, name: str) -> None:
        self._words[self.registers.address("errors")] |= 1 << list(FLAGS).index(name)

    def _count(self, name: str, *index: int) -> None:
        if all(register.name != name for register in self.registers.registers):
            return  # an engine without that counter
        address = self.registers.address(name, *index)
        self._words[address] = (self._words[address] + 1) & WORD_MASK

    def _clear_counters(self) -> None:
        self.cycles = 0
        for register in self.registers.registers:
            if register.name in ("images", "dropped", "left"):
                for address in register.addresses:
                    self._words[address] = 0

    def _field(self, register: str, field: str, *index: int) -> int:
        found = self.registers[register]
        return found.field(field).extract(self._words[found.address(*index)])


assert MEMORIES == ("program", "channels", "weights")  # their order in `EngineBank._memories`
