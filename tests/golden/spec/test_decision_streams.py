"""Which logits a packet holds, and what is decided in their place if they are illegal."""

import pytest

from offramp.golden.spec.decision import DecisionConfig
from offramp.golden.spec.decision_streams import legal_logits, logits_of_beats


def packet(n_bytes, *beats):
    """Return TDATA and TKEEP of beats, given as logits and TKEEP."""
    words = []
    for logits, keep in beats:
        data = b"".join(logit.to_bytes(n_bytes, "little", signed=True) for logit in logits)
        words.append((int.from_bytes(data, "little"), keep))
    return words


@pytest.mark.parametrize(
    ("beats", "logits", "legal"),
    [
        ([((1, -2, 3, -4), 0b1111)], (1, -2, 3, -4), True),
        ([((1, -2, 3, -4), 0b0011)], (1, -2), True),
        ([((1, -2, 3, -4), 0b1111), ((5, 6, 7, 8), 0b0001)], (1, -2, 3, -4, 5), True),
        # lane 0 counts as kept
        ([((1, -2, 3, -4), 0b0000)], (1,), False),
        ([((1, -2, 3, -4), 0b0110)], (1, -2, 3), False),
        # what lies behind the first gap is left out
        ([((1, -2, 3, -4), 0b1101)], (1,), False),
        ([((1, -2, 3, -4), 0b1011)], (1, -2), False),
        # beats before the last are full
        ([((1, -2, 3, -4), 0b0001), ((5, 6, 7, 8), 0b0011)], (1, -2, 3, -4, 5, 6), False),
    ],
)
def test_logits_of_a_packet_with_four_lanes(beats, logits, legal):
    config = DecisionConfig(lanes=4)
    assert logits_of_beats(config, packet(1, *beats)) == (logits, legal)


@pytest.mark.parametrize(
    ("keep", "logits", "legal"),
    [
        (0b1111, (-2048, 2047), True),
        (0b0011, (-2048,), True),
        # a byte is missing
        (0b0111, (-2048,), False),
        (0b1011, (-2048,), False),
        (0b1110, (-2048, 2047), False),
        (0b0001, (-2048,), False),
    ],
)
def test_logit_of_two_bytes_counts_if_both_are_there(keep, logits, legal):
    config = DecisionConfig(lanes=2, logit_width=12, fraction_bits=6)
    (word,) = packet(2, ((-2048, 2047), keep))
    assert logits_of_beats(config, [word]) == (logits, legal)
    # bits beyond the width are ignored
    assert logits_of_beats(config, [(word[0] ^ 0xF000_F000, keep)]) == (logits, legal)


def test_one_lane_is_kept_whatever_tkeep_says():
    config = DecisionConfig()
    assert logits_of_beats(config, [(0x80, 1), (0x7F, 1)]) == ((-128, 127), True)
    assert logits_of_beats(config, [(0x80, 0), (0x7F, 1)]) == ((-128, 127), False)
    assert logits_of_beats(config, [(0x80, 1), (0x7F, 0)]) == ((-128, 127), False)


@pytest.mark.parametrize(
    ("n_classes", "lanes", "n_logits", "places"),
    [
        (5, 1, 1, [0, 0]),
        (5, 1, 5, [0, 1, 2, 3, 4]),
        (5, 1, 7, [0, 1, 2, 3, 6]),
        (10, 4, 1, [0, 0]),
        (10, 4, 10, range(10)),
        # the last of three beats has room for two
        (10, 4, 11, range(10)),
        (10, 4, 12, range(10)),
        (10, 4, 13, [*range(8), 12]),
        (10, 4, 15, [*range(8), 12, 13]),
        (10, 4, 16, [*range(8), 12, 13]),
        (8, 4, 10, [0, 1, 2, 3, 8, 9]),
        # one beat at most: the last one, of a single logit
        (3, 4, 4, [0, 1, 2]),
        (3, 4, 9, [8, 8]),
    ],
)
def test_illegal_vector_is_decided_as_a_legal_one(n_classes, lanes, n_logits, places):
    config = DecisionConfig(n_classes=n_classes, lanes=lanes)
    assert legal_logits(config, tuple(range(n_logits))) == tuple(places)
