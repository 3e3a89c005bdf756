"""The standalone bench of the accelerator: its text, and the files that it reads."""

from dataclasses import dataclass

from ...golden.spec.decision_streams import pack
from ...golden.spec.engine_faults import IMAGE_FAULTS, PROGRAM_FAULTS
from ...golden.spec.engine_registers import FLAGS, MEMORIES, engine_registers
from ...golden.spec.engine_streams import RESULT_FIELDS
from ...golden.spec.registers import WORD_BYTES
from ...hw.engine.delivery import AXI_MODULE_NAME, MODULE_NAME
from ..engine_case import EngineCase
from .bench import fill_template

PROGRAM_NAME = f"{MODULE_NAME}_program.hex"
IMAGES_NAME = f"{MODULE_NAME}_images.hex"
RESULTS_NAME = f"{MODULE_NAME}_results.hex"


@dataclass(frozen=True)
class AcceleratorFiles:
    """What a standalone bench of the accelerator reads, as texts for ``$readmemh``.

    Attributes
    ----------
    program : str
        Writes to registers: three digits of the address, eight of the word.
    images : str
        Words of the images.
    results : str
        TDATA of the right results.
    n_writes, n_loads : int
        Writes, and how many of them, the first ones, are for memories.
    """

    program: str
    images: str
    results: str
    n_writes: int
    n_loads: int


def accelerator_files(case: EngineCase) -> AcceleratorFiles:
    """Return the files of a program with its images."""
    program = case.program
    registers = engine_registers(program.config)

    def write(name: str, *index: int, **fields: int) -> str:
        register = registers[name]
        return f"{register.address(*index):03x}{register.pack(fields):08x}\n"

    loads = []
    contents = (program.words, program.channels, _words(program.weights))
    for code, words in enumerate(contents):
        loads.append(write("load_address", memory=code))
        loads += [write("load_data", word=word) for word in words]
    assert len(contents) == len(MEMORIES)
    settings = [
        write("image_base", word=program.image_base // WORD_BYTES),
        write("image_stride", word=program.image_stride // WORD_BYTES),
        write("image_words", words=program.image_words),
        *(
            write("threshold", exit_index, score=threshold)
            for exit_index, threshold in enumerate(program.thresholds)
        ),
        write("interrupt_enable", **dict.fromkeys(FLAGS, 1)),
        write("control", enable=1),
    ]
    results = (pack(RESULT_FIELDS, {"error": 0, **vars(result)}) for result in case.results)
    return AcceleratorFiles(
        program="".join(loads + settings),
        images="".join(f"{word:08x}\n" for image in case.images for word in _words(image)),
        results="".join(f"{word:016x}\n" for word in results),
        n_writes=len(loads) + len(settings),
        n_loads=len(loads),
    )


def accelerator_bench(case: EngineCase, files: AcceleratorFiles) -> str:
    """Return the bench of the engine without buses."""
    config = case.program.config
    registers = engine_registers(config)
    decision = config.decision
    addresses = {
        name.upper(): f"{registers[name].offset:03x}"
        for name in (
            "control", "load_address", "load_data", "image_base", "image_stride", "image_words",
        )
    }  # fmt: skip
    faults = [*IMAGE_FAULTS, *PROGRAM_FAULTS]
    ports = [f"    .threshold_{k}(thresholds[{k}])" for k in range(decision.n_exits)]
    ports += [f"    .faults_{name}(faults[{bit}])" for bit, name in enumerate(faults)]
    design = fill_template(
        "accelerator_core.v",
        {
            "NAME": MODULE_NAME,
            **addresses,
            "THRESHOLDS": "\n".join(
                f"        12'h{registers.address('threshold', k):03x}: "
                f"thresholds[{k}] <= set_word[SCORE_BITS - 1:0];"
                for k in range(decision.n_exits)
            ),
            "ADDRESS_BITS": str((config.activation_bytes - 1).bit_length()),
            "SCORE_BITS": str(decision.score_format.width),
            "LABEL_BITS": str(decision.label_width),
            "EXIT_BITS": str(decision.exit_index_width),
            "N_EXITS": str(decision.n_exits),
            "N_FAULTS": str(len(faults)),
            "PORTS": ",\n".join(ports),
        },
    )
    return _bench(MODULE_NAME, design, case, files)


def axi_accelerator_bench(case: EngineCase, files: AcceleratorFiles) -> str:
    """Return the bench of the engine with buses."""
    design = fill_template("accelerator_axi.v", {"NAME": AXI_MODULE_NAME})
    return _bench(AXI_MODULE_NAME, design, case, files)


def _bench(name: str, design: str, case: EngineCase, files: AcceleratorFiles) -> str:
    values = {
        "NAME": name,
        "DESIGN": design.rstrip("\n"),
        "PROGRAM": PROGRAM_NAME,
        "IMAGES": IMAGES_NAME,
        "RESULTS": RESULTS_NAME,
        "N_WRITES": files.n_writes,
        "N_LOADS": files.n_loads,
        "N_IMAGES": len(case.images),
        "N_WORDS": case.program.image_words,
        "HANGS": 2 * max(result.cycles for result in case.results) + 1000,
    }
    return fill_template("accelerator_tb.v", {key: str(value) for key, value in values.items()})


def _words(content: bytes) -> list[int]:
    return [
        int.from_bytes(content[k : k + WORD_BYTES], "little")
        for k in range(0, len(content), WORD_BYTES)
    ]
