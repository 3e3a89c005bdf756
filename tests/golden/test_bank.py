import numpy as np
import pytest

from offramp.golden.bank import DecisionBank, Vector
from offramp.golden.decision import decide
from offramp.golden.spec.decision import DecisionConfig

CONFIG = DecisionConfig(n_classes=10, n_exits=3)
CLEAR_IS = (100,) + (-100,) * 9
FLAT = (0,) * 10


@pytest.fixture
def bank():
    bank = DecisionBank(CONFIG)
    assert bank.write(bank.registers.address("control"), 1)
    return bank


def write(bank, name, *index, **fields):
    register = bank.registers[name]
    return bank.write(register.address(*index), register.pack(fields))


def read(bank, name, *index):
    return bank.read(bank.registers.address(name, *index))


def test_bank_decides_as_the_golden_model(bank):
    rng = np.random.default_rng(1)
    logits = rng.integers(-128, 128, (200, 10))
    assert write(bank, "threshold", 1, score=11)
    decisions = [bank.take(Vector(logits=tuple(map(int, row)), exit_index=1)) for row in logits]
    expected = decide(CONFIG, logits, 11)
    assert [d.exit for d in decisions] == expected.exit.tolist()
    assert [d.label for d in decisions] == expected.label.tolist()
    assert [d.score for d in decisions] == expected.score.tolist()
    assert not any(d.error or d.forced for d in decisions)


def test_exit_enable_and_guard_are_applied(bank):
    vectors = [Vector(logits=row, exit_index=k) for k in range(3) for row in (CLEAR_IS, FLAT)]
    for k in range(3):
        assert write(bank, "threshold", k, score=50)

    def exits():
        return [(d.exit, d.forced) for d in map(bank.take, vectors)]

    taken, stays, forced = (True, False), (False, False), (True, True)
    assert exits() == [taken, stays] * 3
    assert write(bank, "exit_control", 0, enable=0)
    assert write(bank, "exit_control", 2, enable=0)
    assert exits() == [stays, stays, taken, stays, stays, stays]
    assert write(bank, "budget_guard", enable=1, exit_index=1)
    assert exits() == [stays, stays, taken, forced, forced, forced]
    assert write(bank, "budget_guard", enable=0, exit_index=0)
    assert exits() == [stays, stays, taken, stays, stays, stays]


@pytest.mark.parametrize(
    ("vector", "flag", "same_as"),
    [
        (Vector(logits=(5,)), "short_vector", (5, 5)),
        (Vector(logits=(*range(10), 3)), "long_vector", (*range(9), 3)),
        (Vector(logits=CLEAR_IS, exit_index=3), "exit_index", CLEAR_IS),
        (Vector(logits=CLEAR_IS, keep=False), "keep", CLEAR_IS),
    ],
)
def test_illegal_vector_is_flagged_and_never_an_exit(bank, vector, flag, same_as):
    assert write(bank, "threshold", 0, score=CONFIG.threshold_low)
    assert write(bank, "budget_guard", enable=1, exit_index=0)
    decision = bank.take(vector)
    assert (decision.exit, decision.forced, decision.error) == (False, False, True)
    legal = DecisionBank(CONFIG).take(Vector(logits=same_as))
    assert (decision.label, decision.score) == (legal.label, legal.score)
    status = bank.registers["status"]
    assert read(bank, "status") == status.field(flag).mask
    bank.hand_over(decision)
    assert [read(bank, "seen", k) for k in range(3)] == [0, 0, 0]
    assert write(bank, "status", **{flag: 1})
    assert read(bank, "status") == 0


def test_counters_count_what_is_handed_over_until_cleared(bank):
    assert write(bank, "threshold", 1, score=50)
    for logits in (CLEAR_IS, FLAT, FLAT):
        decision = bank.take(Vector(logits=logits, exit_index=1))
        assert read(bank, "status") == 0
        bank.hand_over(decision)
    assert (read(bank, "seen", 1), read(bank, "exited", 1)) == (3, 1)
    assert [read(bank, "histogram", 1, k) for k in range(8)] == [2, 0, 0, 0, 0, 0, 0, 1]
    assert (read(bank, "seen", 0), read(bank, "seen", 2)) == (0, 0)
    bank.run(7)
    assert write(bank, "control", enable=1, clear_counters=1)
    assert (read(bank, "seen", 1), read(bank, "exited", 1), read(bank, "cycles_low")) == (0, 0, 0)
    assert read(bank, "control") == 1


def test_counters_wrap_at_32_bits(bank):
    decision = bank.take(Vector(logits=FLAT))
    bank._words[bank.registers.address("seen", 0)] = 0xFFFFFFFF
    bank.hand_over(decision)
    assert read(bank, "seen", 0) == 0


def test_cycles_run_while_enabled_and_the_low_read_keeps_the_high(bank):
    bank.run((1 << 32) - 1)
    assert (read(bank, "cycles_low"), read(bank, "cycles_high")) == (0xFFFFFFFF, 0)
    bank.run(1)
    assert read(bank, "cycles_high") == 0
    assert (read(bank, "cycles_low"), read(bank, "cycles_high")) == (0, 1)
    assert write(bank, "control", enable=0)
    bank.run(100)
    assert read(bank, "cycles_low") == 0


def test_illegal_accesses_change_nothing(bank):
    before = dict(bank._words)
    threshold = bank.registers.address("threshold", 0)
    assert not bank.write(threshold, CONFIG.threshold_high + 1)
    assert not bank.write(threshold, (CONFIG.threshold_low - 1) & 0xFFFFFFFF)
    assert not bank.write(threshold, 1, strobes=0b0111)
    assert not bank.write(threshold + 1, 1)
    assert not bank.write(0x3FC, 1)
    assert not bank.write(bank.registers.address("seen", 0), 0)
    assert not bank.write(bank.registers.address("control"), 4)
    assert bank.read(0x3FC) is None
    assert bank.read(threshold + 2) is None
    assert bank._words == before
