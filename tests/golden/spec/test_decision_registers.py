import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.decision_registers import (
    MAGIC,
    config_of_parameters,
    decision_registers,
)
from offramp.golden.spec.decision_streams import (
    decision_fields,
    pack,
    unpack,
    user_fields,
    user_width,
)
from offramp.golden.spec.decision_text import C_HEADER_NAME, c_header, registers_document
from offramp.golden.spec.histogram import histogram_bin

ROOT = Path(__file__).parents[3]

CONFIGS = [
    DecisionConfig(),
    DecisionConfig(n_classes=2, logit_width=4, fraction_bits=2, n_exits=1, tag_width=1),
    DecisionConfig(lanes=4),
    DecisionConfig(
        n_classes=1024,
        logit_width=12,
        fraction_bits=6,
        mantissa_bits=10,
        n_exits=16,
        tag_width=28,
    ),
]
configs = pytest.mark.parametrize(
    "config", CONFIGS, ids=["default", "smallest", "lanes", "largest"]
)


@configs
def test_parameter_registers_tell_the_configuration(config):
    registers = decision_registers(config)
    words = [registers[f"parameters_{k}"].reset for k in range(3)]
    assert config_of_parameters(*words) == config
    assert registers["magic"].reset == MAGIC == 0x4F465244


def test_addresses_are_the_same_for_every_configuration():
    # all exits that a smaller unit has are where the largest has them
    largest = decision_registers(CONFIGS[-1])
    for config in CONFIGS:
        for register in decision_registers(config).registers:
            assert largest[register.name].offset == register.offset
            assert set(register.addresses) <= set(largest[register.name].addresses)


@configs
def test_histogram_bins_are_octaves_of_the_odds(config):
    one = 1 << config.fraction_bits
    edges = [0, *(k * one for k in range(1, 7))]
    low, high = config.threshold_format.low, config.threshold_format.high
    for score in range(low, high + 1):
        assert histogram_bin(config, "confidence", score) == sum(edge <= score for edge in edges)


@configs
def test_words_of_the_streams_hold_every_value(config):
    assert user_width(config) == sum(field.width for field in user_fields(config)) <= 32
    user = {"exit_index": config.n_exits - 1, "tag": (1 << config.tag_width) - 1}
    assert unpack(user_fields(config), pack(user_fields(config), user)) == user
    for score in (config.threshold_format.low, -1, 0, config.threshold_format.high):
        decision = {
            "exit": 1,
            "forced": 0,
            "error": 1,
            "label": config.n_classes - 1,
            "score": score,
        }
        word = pack(decision_fields(config), decision)
        assert 0 <= word < 1 << 32
        assert unpack(decision_fields(config), word) == decision


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tag_width": 29}, "Tag width of a unit with buses must be in 1..28, not 29"),
        ({"with_score": False}, "With score of a unit with buses must be True, not False"),
        (
            {"registers": ("input", "operand")},
            "Registers of a unit with buses must have operand and not input, not ('input', 'ope",
        ),
    ],
)
def test_configuration_beyond_the_buses_fails(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        decision_registers(replace(CONFIGS[0], **changes))


def test_document_is_the_one_generated():
    assert (ROOT / "docs" / "registers.md").read_text() == registers_document(DecisionConfig())


_PROGRAM = """\
#include <stdio.h>
#include "offramp_decision.h"

int main(void)
{
    uint32_t tdata;
    printf("%u\\n", OFFRAMP_DECISION_MAGIC_VALUE);
    printf("%u\\n", OFFRAMP_DECISION_HISTOGRAM_OFFSET(OFFRAMP_DECISION_EXITS - 1, 7));
    printf("%u\\n", OFFRAMP_DECISION_PARAMETERS_0_LOGIT_WIDTH_VALUE);
    printf("%d %d\\n", OFFRAMP_DECISION_THRESHOLD_SCORE_MIN,
           OFFRAMP_DECISION_THRESHOLD_SCORE_MAX);
    while (scanf("%u", &tdata) == 1)
        printf("%u %u %ld\\n", OFFRAMP_DECISION_GET(tdata, TDATA_EXIT),
               OFFRAMP_DECISION_GET(tdata, TDATA_LABEL), (long)OFFRAMP_DECISION_SCORE(tdata));
    return 0;
}
"""


@configs
def test_c_header_compiles_without_warning_and_says_the_same(config, tmp_path):
    (tmp_path / C_HEADER_NAME).write_text(c_header(config))
    (tmp_path / "main.c").write_text(_PROGRAM)
    options = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    subprocess.run(["gcc", *options, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    low, high = config.threshold_format.low, config.threshold_format.high
    decisions = [
        {"exit": score & 1, "forced": 0, "error": 0, "label": label, "score": score}
        for score in (low, -1, 0, high)
        for label in (0, config.n_classes - 1)
    ]
    words = " ".join(str(pack(decision_fields(config), decision)) for decision in decisions)
    done = subprocess.run(
        ["./main"], cwd=tmp_path, input=words, capture_output=True, text=True, check=True
    )
    registers = decision_registers(config)
    assert done.stdout.splitlines() == [
        str(MAGIC),
        str(registers.address("histogram", config.n_exits - 1, 7)),
        str(config.logit_width),
        f"{config.threshold_low} {config.threshold_high}",
        *(f"{word['exit']} {word['label']} {word['score']}" for word in decisions),
    ]


def test_c_header_names_every_register():
    header = c_header(DecisionConfig())
    for register in decision_registers(DecisionConfig()).registers:
        assert f"#define OFFRAMP_DECISION_{register.name.upper()}_OFFSET" in header
    assert max(map(len, header.splitlines())) <= 100
