"""The engine's RTL behind a batch call."""

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...golden.spec.engine import EngineConfig
from ...golden.spec.engine_faults import PROGRAM_FAULTS
from ...golden.spec.program import Program
from ...hw.engine.activation_memory import ActivationMemory
from ...hw.engine.delivery import MODULE_NAME, engine_verilog
from ...hw.engine.delivery_ports import engine_ports
from .build import build_library
from .library import INT32, INT64, POINTER, UINT32, UINT64, EmulationError, VerilatedModel

_DRIVER = Path(__file__).with_suffix(".cpp")

WATCHDOG_CYCLES = 20_000_000
"""Cycles without an image word taken or a result after which the engine is said to hang."""

FIRST_FAULT = -10
"""What the driver answers for the first fault of a program; for each further one 1 less."""

TOP_NAME = f"{MODULE_NAME}_emulated"

# generated once a process: that takes longer than loading the library
_verilog_of = cache(engine_verilog)


@cache
def _wrapper_of(config: EngineConfig) -> str:
    """Return a module around the engine with a register before its reset.

    With the reset from outside, each change of any input would compute anew what all registers
    are to hold: a twentieth of the speed.
    """
    ports = ", ".join(
        f"{port.direction} wire [{port.width - 1}:0] {port.name}" for port in engine_ports(config)
    )
    return (
        f"module {TOP_NAME}({ports});\n"
        "  reg reset = 0;\n"
        "  always @(posedge clk) reset <= rst;\n"
        f"  {MODULE_NAME} engine(.rst(reset), .*);\n"
        "endmodule\n"
    )


class EngineFaultError(EmulationError):
    """The engine reports a fault of its program.

    Attributes
    ----------
    fault : str
        Its name, of `PROGRAM_FAULTS`.
    """

    def __init__(self, fault: str):
        super().__init__(f"Program must be legal, but the engine reports: {PROGRAM_FAULTS[fault]}")
        self.fault = fault


@dataclass(frozen=True)
class EngineResults:
    """What the engine gave for n images, in their order.

    Attributes
    ----------
    label, exit_index, score : int32 [n]
    cycles : int64 [n]
        From the start of each image to its decision, as the engine counts them.
    finished : int64 [n]
        Cycle of the clock in which each result was taken.
    """

    label: npt.NDArray[np.int32]
    exit_index: npt.NDArray[np.int32]
    score: npt.NDArray[np.int32]
    cycles: npt.NDArray[np.int64]
    finished: npt.NDArray[np.int64]


class EngineEmulator(VerilatedModel):
    """The Verilated engine of one configuration.

    The first use of a configuration compiles it (half a minute); later ones load it from the
    cache.

    Parameters
    ----------
    config : EngineConfig
    verilog : str, optional
        Another design with the same ports, such as one broken on purpose.
    waveform : bool
        Build what can write waveforms, and is slower.

    Attributes
    ----------
    program : Program or None
        What is loaded.
    """

    def __init__(self, config: EngineConfig, verilog: str | None = None, *, waveform: bool = False):
        self.config = config
        self.program: Program | None = None
        width = config.decision.score_format.width
        defines = {
            "THRESHOLD_PORTS": " ".join(f"PORT({k})" for k in range(config.decision.n_exits)),
            "FAULT_PORTS": " ".join(f"PORT(faults_{name})" for name in PROGRAM_FAULTS),
            "WORD_LATENCY": f"{ActivationMemory.word_latency}",
            "SCORE_WIDTH": f"{width}",
            "SCORE_MASK": f"{(1 << width) - 1}",
        }
        text = (_verilog_of(config) if verilog is None else verilog) + _wrapper_of(config)
        if not waveform:
            # each change of the clock is a cycle: see the driver
            text = text.replace("@(posedge clk)", "@(edge clk)")
        library = build_library(text, TOP_NAME, _DRIVER, defines, waveform=waveform)
        super().__init__(library, "Engine")
        self._declare("reset", returns=None)
        self._declare("cycle", returns=INT64)
        self._declare("load", INT32, POINTER, INT64, returns=None)
        self._declare("configure", UINT32, UINT32, UINT32, returns=None)
        self._declare("set_threshold", INT32, INT32)
        self._declare("hold", INT32, returns=None)
        self._declare(
            "run", POINTER, INT64, INT64, UINT32, UINT32, UINT64, INT64, INT32,
            POINTER, POINTER, POINTER, POINTER, POINTER,
        )  # fmt: skip
        self._declare("advance", INT64)
        self._declare("peek", INT64, POINTER, returns=None)
        if waveform:
            self._declare("waveform", ctypes.c_char_p, returns=None)
        self._writes_waveforms = waveform

    @property
    def cycles(self) -> int:
        """Clock cycles since the start, those of loading included."""
        return self._call("cycle")

    def load(self, program: Program) -> None:
        """Write a program into the engine's memories and registers.

        Raises
        ------
        ValueError
            It is for another configuration.
        """
        if program.config != self.config:
            raise ValueError(
                f"Program must be for an engine of {self.config.macs} MACs like this one, "
                f"not for {program.config!r}"
            )
        weights = np.frombuffer(program.weights, "<u4")
        for memory, words in enumerate((program.words, program.channels, weights)):
            array = np.ascontiguousarray(words, dtype=np.uint32)
            self._call("load", memory, array.ctypes.data, len(array))
        self._call("configure", program.image_base, program.image_stride, program.image_words)
        self.set_thresholds(program.thresholds)
        self.program = program

    def set_thresholds(self, thresholds: tuple[int, ...]) -> None:
        """Set the threshold of each exit, in units of the score."""
        for exit_index, threshold in enumerate(thresholds):
            if self._call("set_threshold", exit_index, threshold):
                raise ValueError(
                    f"Exit index must be in 0..{self.config.decision.n_exits - 1}, "
                    f"not {exit_index!r}"
                )

    def run(
        self,
        images: npt.NDArray[np.uint8],
        *,
        stall_in: float = 0.0,
        stall_out: float = 0.0,
        seed: int = 0,
    ) -> EngineResults:
        """Run images uint8 [n, H, W, C].

        Parameters
        ----------
        images : uint8 [n, H, W, C]
        stall_in, stall_out : float
            Share of cycles in which no image word is offered, no result is taken.
        seed : int
            Of the stalls.

        Raises
        ------
        EmulationError
            The engine hangs, or says that an image is not of its size.
        EngineFaultError
            It says that the program is illegal. It is reset then, its memories are not.
        """
        program = self._loaded()
        words = _image_words(images, program)
        n = len(words)
        label, exit_index, score = (np.zeros(n, np.int32) for _ in range(3))
        cycles, finished = np.zeros(n, np.int64), np.zeros(n, np.int64)
        status = self._call(
            "run", words.ctypes.data, n, words.shape[1], round(256 * stall_in),
            round(256 * stall_out), seed, WATCHDOG_CYCLES, 0, label.ctypes.data,
            exit_index.ctypes.data, score.ctypes.data, cycles.ctypes.data, finished.ctypes.data,
        )  # fmt: skip
        _check(status)
        return EngineResults(label, exit_index, score, cycles, finished)

    def write_waveform(self, image: npt.NDArray[np.uint8], path: Path) -> EngineResults:
        """Run one image uint8 [H, W, C] and write every signal of it to an FST file.

        A cycle takes two units of time; the clock rises at the odd ones.

        Raises
        ------
        EmulationError
            The emulator was made without waveforms, or the file cannot be written.
        """
        if not self._writes_waveforms:
            raise EmulationError("Emulator must be made with waveforms to write one")
        self._require_open()
        try:
            path.touch()
        except OSError as error:
            raise EmulationError(
                f"Waveform file must be writable, not {str(path)!r} ({error.strerror})"
            ) from None
        self._call("waveform", str(path).encode())
        try:
            return self.run(image[None])
        finally:
            self._call("waveform", None)

    def memory_after_operations(self, image: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
        """Run one image uint8 [H, W, C] operation by operation.

        Returns
        -------
        list of uint8 [activation_bytes]
            The activation memory when each operation but the last that runs has ended.
        """
        words = _image_words(image[None], self._loaded())
        unused = np.zeros(1, np.int64)
        self._call("hold", 1)
        status = self._call(
            "run", words.ctypes.data, 1, words.shape[1], 0, 0, 0, WATCHDOG_CYCLES, 1,
            *(unused.ctypes.data for _ in range(5)),
        )  # fmt: skip
        memories = []
        if status != 1:
            _check(status or -1)
        while (status := self._call("advance", WATCHDOG_CYCLES)) == 1:
            memories.append(self.memory())
        _check(status)
        self._call("hold", 0)
        # the result of the image is still to be taken
        results = [np.zeros(1, np.int32) for _ in range(3)]
        self._call(
            "run", words.ctypes.data, 1, 0, 0, 0, 0, WATCHDOG_CYCLES, 0,
            *(result.ctypes.data for result in results), unused.ctypes.data, unused.ctypes.data,
        )  # fmt: skip
        return memories

    def memory(self) -> npt.NDArray[np.uint8]:
        """Return the activation memory uint8 [activation_bytes], between images."""
        words = np.zeros(self.config.activation_bytes // 4, np.uint32)
        self._call("peek", len(words), words.ctypes.data)
        return words.view(np.uint8)

    def _loaded(self) -> Program:
        if self.program is None:
            raise EmulationError("Program must be loaded before images run")
        return self.program


def _image_words(images: npt.NDArray[np.uint8], program: Program) -> npt.NDArray[np.uint32]:
    """Return images as words of four bytes [n, image_words], the last filled up with zeros."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        found = getattr(images, "dtype", type(images).__name__)
        raise TypeError(f"Images must be an array of uint8, not {found}")
    flat = images.reshape(len(images), -1)
    size = flat.shape[1]
    if -(-size // 4) != program.image_words:
        raise ValueError(
            f"Images must have {program.image_words} words of four bytes, not {size} bytes"
        )
    filled = np.zeros((len(flat), 4 * program.image_words), np.uint8)
    filled[:, :size] = flat
    return filled.view("<u4")


def _check(status: int) -> None:
    if status == -1:
        raise EmulationError(f"Engine must give a result within {WATCHDOG_CYCLES} cycles")
    if status == -2:
        raise EmulationError("Images must be of the size that the program says")
    if status <= FIRST_FAULT:
        raise EngineFaultError(list(PROGRAM_FAULTS)[FIRST_FAULT - status])
