"""A board as a device: programs in, images in, results out."""

import zlib
from collections.abc import Callable, Sized
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...golden.closing import Closing
from ...golden.spec.decision_streams import unpack
from ...golden.spec.engine_faults import IMAGE_FAULTS
from ...golden.spec.engine_registers import FLAGS, MEMORIES, engine_registers
from ...golden.spec.engine_streams import RESULT_FIELDS
from ...golden.spec.link import (
    FIXED,
    WORD_BYTES,
    BoardStatus,
    Kind,
)
from ...golden.spec.program import Program
from .connection import Connection, SessionLostError
from .errors import BoardError
from .identity import N_WORDS, Identity, check_program, check_status, identify
from .image_stream import ImageStream
from .port import OpenPort
from .transfer import Transfer

TRIES = 3
"""How often a program is loaded whose check fails, and work begun that loses its session."""


@dataclass(frozen=True)
class ImageResult:
    """What became of an image: see `engine_streams`."""

    label: int
    exit_index: int
    score: int
    cycles: int


class SerialDevice(Closing):
    """An engine behind the link: a real board, or an emulated one.

    Opening it identifies the board and begins a session, which resets the engine. Losses on the
    wire, a pulled cable and a restart of the board are put right; an image is then run again only
    if the board lost its result.

    Parameters
    ----------
    open_port : callable
        Opens the port.
    reconnect_seconds : float
        How long a port that was lost is tried again.
    seed : int, optional
        Of the sessions' numbers.

    Attributes
    ----------
    identity : Identity
    connection : Connection

    Raises
    ------
    PortError
        The port cannot be opened.
    NoAnswerError
        Nothing answers there.
    BoardError
        It is no board that this release can use.
    """

    def __init__(
        self, open_port: OpenPort, *, reconnect_seconds: float = 10.0, seed: int | None = None
    ):
        self.connection = Connection(open_port, reconnect_seconds=reconnect_seconds, seed=seed)
        self._program: Program | None = None
        self._loaded = False
        try:
            self.connection.wait_for_status()
            check_status(self._status)
            self._open_session()
            words = self._read(0, N_WORDS)
            self.identity: Identity = identify(self._status, words)
        except BaseException:
            self.close()
            raise
        self._registers = engine_registers(self.identity.engine)

    def close(self) -> None:
        """Release the port; a second call does nothing."""
        self.connection.close()

    # -- programs --------------------------------------------------------------------------------

    def load(self, program: Program, *, progress: Callable[[int], None] | None = None) -> None:
        """Load a program, and check that it is there as it should be.

        Parameters
        ----------
        program : Program
        progress : callable, optional
            Called with the number of bytes loaded, of `load_bytes`.

        Raises
        ------
        BoardError
            It does not run on this board, or does not arrive intact.
        """
        check_program(self.identity, program)
        self._end_earlier_run()
        self._program = program
        self._loaded = False
        self._keep_session(lambda: self._load(progress))

    def _load(self, progress: Callable[[int], None] | None = None) -> None:
        program = self._program
        assert program is not None
        done = 0
        for memory, words in enumerate(_memories(program)):
            for attempt in range(TRIES):
                transfer = self._load_memory(memory, words)
                while not transfer.complete:
                    self.connection.run(lambda t=transfer: t.complete, pause=0.1)  # type: ignore[misc]
                    if progress:
                        progress(done + WORD_BYTES * transfer.done)
                self.connection.ask()
                crc = self._status.load_crc
                if crc == zlib.crc32(words):
                    break
                if attempt == TRIES - 1:
                    raise BoardError(
                        f"Memory of {MEMORIES[memory]} must hold what was loaded (CRC "
                        f"{zlib.crc32(words):08x}), not something else ({crc:08x})"
                    )
            done += len(words)
        self._configure(program)
        self._loaded = True

    def _load_memory(self, memory: int, words: bytes) -> Transfer:
        start = self._registers["load_address"].pack({"memory": memory, "word": 0})
        self._write("load_address", start)
        address = FIXED | self._registers.address("load_data")
        return self.connection.submit(Kind.WRITE, address=address, data=words)

    def _configure(self, program: Program) -> None:
        """Write the settings of a program, and read them back."""
        threshold = self._registers["threshold"]
        settings = [
            ("image_base", (), program.image_base),
            ("image_stride", (), program.image_stride),
            ("image_words", (), program.image_words),
            *(
                ("threshold", (exit_index,), threshold.pack({"score": score}))
                for exit_index, score in enumerate(program.thresholds)
            ),
            ("control", (), self._registers["control"].pack({"enable": 1})),
        ]
        for name, index, word in settings:
            self._write(name, word, *index)
        for name, index, word in settings:
            there = self.read(name, *index)
            if there != word:
                raise BoardError(f"Register {name} must hold {word:#x}, not {there:#x}")

    # -- images ----------------------------------------------------------------------------------

    def run(
        self,
        images: npt.NDArray[np.uint8],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> list[ImageResult]:
        """Run images on the program that is loaded, several in flight.

        Parameters
        ----------
        images : uint8 [n, H, W, C]
        progress : callable, optional
            Called with the number of results that are there.

        Raises
        ------
        BoardError
            The engine reports a fault; one of an image alone only if it does so again and again.
        """
        contents = self._contents(images)
        results: dict[int, ImageResult] = {}

        def run_rest() -> None:
            if not self._loaded:
                self._load()
            left = (number for number in range(len(contents)) if number not in results)
            for number, word in self._stream.run((number, contents[number]) for number in left):
                results[number] = self._result(number, word)
                if progress:
                    progress(len(results))

        self._end_earlier_run()
        self._keep_session(run_rest, results)
        return [results[number] for number in range(len(contents))]

    def _contents(self, images: npt.NDArray[np.uint8]) -> list[bytes]:
        """Return the words of each image."""
        if self._program is None:
            raise BoardError("Program must be loaded before images run")
        if images.dtype != np.uint8:
            raise TypeError(f"Images must be an array of uint8, not {images.dtype}")
        size = WORD_BYTES * self._program.image_words
        if len(images) and not 0 <= size - images[0].size < WORD_BYTES:
            raise ValueError(f"Images must have {size} bytes, not {images[0].size}")
        return [image.tobytes().ljust(size, b"\0") for image in images]

    def _result(self, number: int, word: int) -> ImageResult:
        fields = unpack(RESULT_FIELDS, word)
        if fields.pop("error"):
            flags = self.read("errors")
            names = [name for bit, name in enumerate(FLAGS) if flags >> bit & 1]
            reported = "; ".join(FLAGS[name] for name in names) or "nothing"
            message = f"Engine must run image {number}, but reports: {reported}"
            if names and set(names) <= set(IMAGE_FAULTS):
                # images are sent whole: a new session sends this one again
                raise SessionLostError(message)
            raise BoardError(message)
        return ImageResult(**fields)

    # -- sessions and registers ------------------------------------------------------------------

    def _open_session(self) -> None:
        self._loaded = False
        # first: what begins a session may be broken off, and is then gone on with
        self._stream = ImageStream(self.connection, self._status.result_slots)
        self.connection.open_session()

    def _end_earlier_run(self) -> None:
        """Begin anew if a run was broken off: its images are still sent, and change no settings."""
        if self._stream.inside:
            self._open_session()

    def _keep_session(self, work: Callable[[], None], done: Sized = ()) -> None:
        """Do some work, again from where it is if the board is restarted meanwhile."""
        tries, before = 0, len(done)
        while True:
            try:
                work()
                return
            except SessionLostError as error:
                if len(done) > before:
                    tries, before = 0, len(done)
                tries += 1
                if tries == TRIES:
                    raise BoardError(f"{error} {TRIES} times") from None
                self._open_session()

    @property
    def _status(self) -> BoardStatus:
        status = self.connection.window.status
        assert status is not None
        return status

    def read(self, name: str, *index: int) -> int:
        """Return the word of a register of the engine."""
        return int.from_bytes(self._read(self._registers.address(name, *index), 1), "little")

    def _read(self, address: int, words: int) -> bytes:
        return self.connection.finish(
            self.connection.submit(Kind.READ, address=address, count=words)
        )

    def _write(self, name: str, word: int, *index: int) -> None:
        """Write a register, some time soon."""
        address = self._registers.address(name, *index)
        data = word.to_bytes(WORD_BYTES, "little")
        self.connection.submit(Kind.WRITE, address=address, data=data)


def _memories(program: Program) -> tuple[bytes, bytes, bytes]:
    """Return what each memory is loaded with."""
    return (
        np.array(program.words, "<u4").tobytes(),
        np.array(program.channels, "<u4").tobytes(),
        program.weights,
    )
