import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.engine import ENGINES, engine_config
from offramp.golden.spec.engine_registers import MAGIC, engine_registers, load_words
from offramp.golden.spec.engine_streams import RESULT_BYTES, RESULT_FIELDS, check_engine_buses
from offramp.golden.spec.engine_text import C_HEADER_NAME, c_header, engine_registers_document

ROOT = Path(__file__).parents[3]

LARGEST = engine_config(
    "128",
    in_lanes=16,
    out_lanes=32,
    activation_bytes=1 << 19,
    weight_lines=1 << 17,
    channel_lines=1 << 12,
    program_words=1 << 12,
    decision=DecisionConfig(n_classes=1024, n_exits=16),
)


def test_addresses_are_the_same_for_every_configuration():
    largest = engine_registers(LARGEST)
    for config in ENGINES.values():
        for register in engine_registers(config).registers:
            assert largest[register.name].offset == register.offset
            assert set(register.addresses) <= set(largest[register.name].addresses)
    assert largest["magic"].reset == MAGIC == 0x4F465241


def test_fields_of_a_result_lie_side_by_side():
    assert sum(field.mask for field in RESULT_FIELDS) == (1 << 8 * RESULT_BYTES) - 1
    decision = LARGEST.decision
    widths = {field.name: field.width for field in RESULT_FIELDS}
    assert widths["label"] >= decision.label_width
    assert widths["exit_index"] >= decision.exit_index_width
    assert widths["score"] >= decision.score_format.width


def test_words_of_the_memories():
    # 4 x 4 bytes a line of weights; 4 words a channel
    assert load_words(ENGINES["16"]) == (512, 512 * 4, 4096 * 4)


def test_score_that_no_result_has_room_for_is_refused():
    wide = DecisionConfig(n_classes=1024, n_exits=2, fraction_bits=6, mantissa_bits=10)
    config = replace(ENGINES["16"], decision=wide)
    # the widest that an engine can have does fit
    assert check_engine_buses(config) is config


def test_document_is_up_to_date():
    document = engine_registers_document(ENGINES["16"])
    assert (ROOT / "docs" / "registers-accelerator.md").read_text() == document


@pytest.mark.parametrize("config", [ENGINES["16"], LARGEST], ids=["16", "largest"])
def test_c_header_compiles_and_reads_a_result(config, tmp_path):
    (tmp_path / C_HEADER_NAME).write_text(c_header(config))
    word = sum(
        field.insert(value)
        for field, value in zip(RESULT_FIELDS, (0, 3, 9, -77, 123456), strict=True)
    )
    source = tmp_path / "main.c"
    source.write_text(
        f'#include "{C_HEADER_NAME}"\n'
        "int main(void) {\n"
        f"    const uint64_t tdata = {word}ull;\n"
        "    return !(OFFRAMP_ACCELERATOR_SCORE(tdata) == -77\n"
        "             && OFFRAMP_ACCELERATOR_CYCLES(tdata) == 123456\n"
        "             && OFFRAMP_ACCELERATOR_GET(tdata, RESULT_LABEL) == 9\n"
        "             && OFFRAMP_ACCELERATOR_GET(tdata, RESULT_EXIT_INDEX) == 3\n"
        "             && OFFRAMP_ACCELERATOR_LEFT_OFFSET(1) == 0x414);\n"
        "}\n"
    )
    program = tmp_path / "main"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(["gcc", *flags, "-o", program, source], check=True)
    subprocess.run([program], check=True)
