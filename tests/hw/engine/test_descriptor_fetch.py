import random

import pytest

from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.operation import DRAIN_WORD, WORDS
from offramp.hw.engine.descriptor_fetch import DescriptorFetch

from .simulation import sees, trace

CONFIG = EngineConfig(program_words=100)
LENGTH = len(WORDS)


def check(block):
    """Fetch the program twice, the drain before being done at any time."""
    rng = random.Random(0)
    program = [[rng.randrange(1 << 32) for _ in range(LENGTH)] for _ in range(5)]
    words = [word for descriptor in program for word in descriptor]
    rows = [{"word_address": k, "word": word, "word_enable": 1} for k, word in enumerate(words)]
    rows.append({"word_enable": 0, "word": 0})
    before = [None] * LENGTH
    taken = {}  # cycle from which each word is there
    fetched = []
    busy = [0, DRAIN_WORD - 1, DRAIN_WORD, DRAIN_WORD + 1, DRAIN_WORD + 2, 60, 1, 30, 17, 2]
    for number, draining in enumerate(busy):
        if number % len(program) == 0:
            rows.append({"rewind": 1})
        request = len(rows)
        # without the drain the last word is taken `latency` cycles behind the request
        first = request + DescriptorFetch.latency - (LENGTH - 1)
        free = max(first + DRAIN_WORD, request + 1 + draining)
        cycles = [first + place for place in range(DRAIN_WORD)]
        cycles += [free + place for place in range(LENGTH - DRAIN_WORD)]
        after = program[number % len(program)]
        for cycle in range(request, cycles[-1] + 2):
            taken[cycle] = [
                new if cycle > place else old
                for new, old, place in zip(after, before, cycles, strict=True)
            ]
            rows.append(
                {
                    "rewind": 0,
                    "request": cycle == request,
                    "draining": cycle <= request + draining if draining else 0,
                }
            )
        fetched.append(cycles[-1])
        before = after
    found = trace(block(CONFIG), rows, ["fetched", "descriptor"])
    assert [cycle for cycle, values in enumerate(found) if values[0]] == fetched
    for cycle, expected in taken.items():
        bits = found[cycle][1]
        seen = [bits >> (32 * place) & 0xFFFFFFFF for place in range(LENGTH)]
        known = [None if word is None else bit for word, bit in zip(expected, seen, strict=True)]
        assert known == expected


def test_words_come_one_a_cycle_and_those_of_the_drain_behind_it():
    check(DescriptorFetch)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("index != DRAIN_WORD", "index != DRAIN_WORD + 1"),
        ("~self.draining", "1"),
        ("index == n_words - 1", "index == n_words - 2"),
        ("take & (index < n_words - 2)", "take"),
        ("counter.eq(counter + 1)", "counter.eq(counter + 2)"),
        ("active.eq(0), index.eq(0)", "active.eq(0)"),
        ("counter.eq(0)", "counter.eq(1)"),
        ("writer.en.eq(self.word_enable)", "writer.en.eq(1)"),
    ],
)
def test_broken_descriptor_fetch_is_seen(right, wrong):
    assert sees(check, DescriptorFetch, right, wrong)
