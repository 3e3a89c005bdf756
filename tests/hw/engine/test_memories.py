"""Activation, weight and channel memories against byte arrays."""

import random

import pytest

from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.program import CHANNEL_WORDS
from offramp.hw.engine.activation_memory import ActivationMemory
from offramp.hw.engine.channel_memory import ChannelMemory
from offramp.hw.engine.deep_memory import SHALLOWEST, DeepMemory, pieces_of
from offramp.hw.engine.requantizer import Requantizer
from offramp.hw.engine.wide_memory import WideMemory

from .simulation import sees, trace

# the second half of the last line of 1056 bytes has no neighbour
SIZES = [(4, 1024), (8, 1024), (16, 1024), (16, 1056)]


def activations(lanes, size):
    return EngineConfig(in_lanes=lanes, activation_bytes=size)


def bits(values, width=8):
    return sum(value << (width * place) for place, value in enumerate(values))


def check_activations(block, lanes=4, size=1024, count=400):
    """Fill the memory word by word, read at every address, then all at once at random."""
    rng = random.Random(lanes)
    memory = [rng.randrange(256) for _ in range(size)]
    idle = {"transfer.enable": 0, "address": 0}
    rows, reads, words = [], {}, {}

    def read(address):
        # bytes beyond the memory are masked, as those beyond a row are
        mask = rng.choice([(1 << lanes) - 1, rng.randrange(1 << lanes)])
        mask &= (1 << max(0, size - address)) - 1
        inside = [address + j if mask >> j & 1 else None for j in range(lanes)]
        reads[len(rows)] = bits(0 if place is None else memory[place] for place in inside)
        return {"address": address}, mask

    masks = []
    addresses = list(range(0, size, 4))
    rng.shuffle(addresses)
    for address in addresses:
        word = bits(memory[address : address + 4])
        rows.append({"transfer.address": address, "transfer.data": word, "transfer.enable": 15})
        masks.append(0)
    rows += [idle] * ActivationMemory.latency
    masks += [0] * ActivationMemory.latency
    for address in range(size):
        row, mask = read(address)
        word_address = rng.randrange(0, size, 4)
        words[len(rows)] = bits(memory[word_address : word_address + 4])
        rows.append({**row, "word_address": word_address, "transfer.enable": 0})
        masks.append(mask)
    for half in (0, 1, 0):
        low, high = (0, size // 2), (size // 2, size)
        readable, writable = (low, high) if half else (high, low)
        for _ in range(count):
            row, mask = read(rng.randrange(readable[0], readable[1] - lanes))
            if rng.random() < 0.5:
                address, enable = rng.randrange(*writable), rng.randrange(1, 16)
                data = [rng.randrange(256) for _ in range(4)]
                for byte in range(4):
                    if enable >> byte & 1:
                        memory[address // 4 * 4 + byte] = data[byte]
                row |= {"transfer.address": address, "transfer.data": bits(data)}
                row |= {"transfer.enable": enable, "word_address": rng.randrange(size)}
            else:
                # a write is seen by the next that reads through the same port
                address = rng.randrange(size)
                words[len(rows)] = bits(memory[address // 4 * 4 : address // 4 * 4 + 4])
                row |= {"word_address": address, "transfer.enable": 0}
            rows.append(row)
            masks.append(mask)
        rows += [idle] * ActivationMemory.latency
        masks += [0] * ActivationMemory.latency
    # masks come a cycle after their address
    rows = [{**row, "mask": mask} for row, mask in zip(rows, [0, *masks[:-1]], strict=True)]
    for start, row in enumerate(rows):
        row["is_signed"] = start >= len(rows) // 2
    found = trace(block(activations(lanes, size)), rows, ["data", "word", "signs"])
    for start, expected in reads.items():
        arrived = start + ActivationMemory.latency
        signs = bits((expected >> (8 * lane + 7) & 1 for lane in range(lanes)), 1)
        # the sign of the cycle before
        right = signs if rows[arrived - 1]["is_signed"] else 0
        assert (found[arrived][0], found[arrived][2]) == (expected, right)
    for start, expected in words.items():
        assert found[start + ActivationMemory.word_latency][1] == expected


@pytest.mark.parametrize(("lanes", "size"), SIZES)
def test_activation_memory_is_a_byte_array(lanes, size):
    check_activations(ActivationMemory, lanes, size)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("bank_address[0].eq((word + 1) >> 1)", "bank_address[0].eq(word >> 1)"),
        ("bank_address[1].eq(word >> 1)", "bank_address[1].eq((word + 1) >> 1)"),
        ("place[2][lane_bits], place", "place[1][lane_bits], place"),
        ("both = [Mux(odd, rows[1][j], rows[0][j])", "both = [Mux(odd, rows[0][j], rows[1][j])"),
        ("Mux(offset[-1], both[j + coarse], both[j])", "both[j]"),
        ("range(coarse))[fine]", "range(coarse))[0]"),
        ("Mux(mask[-1][j], shifted, 0)", "shifted"),
        ("mask[-1][j] & self.is_signed & shifted[7]", "self.is_signed & shifted[7]"),
        ("mask[-1][j] & self.is_signed & shifted[7]", "mask[-1][j] & shifted[7]"),
        ("Mux(mask[-1][j], shifted, 0)", "Mux(mask[-2][j], shifted, 0)"),
        ("Mux(writes, transfer.address, self.word_address)", "transfer.address"),
        ("Mux(here, transfer.enable, 0)", "transfer.enable"),
        ("Mux(here, transfer.enable, 0)", "Mux(here, 15, 0)"),
        ("bank_select[0].eq(address[lane_bits])", "bank_select[0].eq(transfer.address[lane_bits])"),
        ("Mux(bank_select[3], found", "Mux(bank_select[2], found"),
    ],
)
def test_broken_activation_memory_is_seen(right, wrong):
    assert sees(lambda block: check_activations(block, count=100), ActivationMemory, right, wrong)


def test_swapped_words_of_a_line_are_seen():
    wrong = "here & (transfer.address[2:lane_bits] != part)"
    right = "here & (transfer.address[2:lane_bits] == part)"
    assert sees(lambda block: check_activations(block, 8), ActivationMemory, right, wrong)


def check_wide(block, words=4, lines=20):
    rng = random.Random(words)
    memory = [rng.randrange(1 << 32) for _ in range(words * lines)]
    places = list(range(len(memory)))
    rng.shuffle(places)
    rows = [{"word_address": place, "word": memory[place], "enable": 1} for place in places]
    # what is not enabled is not written
    rows += [{"word_address": 0, "word": ~memory[0] & 0xFFFFFFFF, "enable": 0}] * 2
    wanted = [*range(lines), *(rng.randrange(lines) for _ in range(lines))]
    rows += [{}]
    start = len(rows)
    rows += [{"line": line} for line in wanted]
    found = trace(block(words, lines), rows, ["data"], more=WideMemory.latency)
    expected = [(bits(memory[line * words : (line + 1) * words], 32),) for line in wanted]
    assert found[start + WideMemory.latency :] == expected


@pytest.mark.parametrize("words", [1, 2, 4, 16, 32])
def test_wide_memory_gives_a_line_a_cycle(words):
    check_wide(WideMemory, words)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self.word_address[word_bits:]", "self.word_address[word_bits + 1 :]"),
        ("1 << self.word_address[:word_bits]", "(1 << self._words) - 1"),
        ("Cat(word for", "Cat(self.word for"),
        ("self.data.eq(memory.data)", "self.data.eq(~memory.data)"),
        ("Mux(self.enable, place, 0)", "place"),
    ],
)
def test_broken_wide_memory_is_seen(right, wrong):
    assert sees(check_wide, WideMemory, right, wrong)


def check_channels(block, requantizers=2):
    config = EngineConfig(requantizers=requantizers, channel_lines=16)
    rng = random.Random(requantizers)
    lines = [
        [[rng.randrange(1 << 32) for _ in range(CHANNEL_WORDS)] for _ in range(requantizers)]
        for _ in range(config.channel_lines)
    ]
    words = [word for line in lines for lane in line for word in lane]
    rows = [{"word_address": k, "word": word, "enable": 1} for k, word in enumerate(words)]
    rows += [{"line": 0, "again": 0, "enable": 0}] * Requantizer.latency
    wanted = [*range(16), *(rng.randrange(16) for _ in range(40))]
    start = len(rows)
    rows += [{"line": line, "again": rng.randrange(2)} for line in wanted]
    found = trace(block(config), rows, ["scales"], more=ChannelMemory.latency)
    for cycle in range(start, len(rows)):
        first = 2 * rows[cycle]["again"]
        line = lines[rows[cycle - Requantizer.latency if first else cycle]["line"]]
        scales = bits((bits(lane[first : first + 2], 32) for lane in line), 64)
        assert found[cycle + ChannelMemory.latency] == (scales,)


@pytest.mark.parametrize("requantizers", [1, 2, 4])
def test_channel_memory_gives_what_each_pass_needs(requantizers):
    check_channels(ChannelMemory, requantizers)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Mux(self.again, Cat(1, before.o), Cat(0, self.line))", "Cat(self.again, before.o)"),
        ("Mux(self.again, Cat(1, before.o), Cat(0, self.line))", "Cat(self.again, self.line)"),
        ("Mux(self.again, Cat(1, before.o), Cat(0, self.line))", "Cat(0, self.line)"),
        ("address[1], address[2 + lane_bits :]", "~address[1], address[2 + lane_bits :]"),
    ],
)
def test_broken_channel_memory_is_seen(right, wrong):
    assert sees(check_channels, ChannelMemory, right, wrong)


def check_pieces(block, lines=2560, ports=1):
    """Write lines in every piece, then read them and lines of other pieces in each cycle."""
    rng = random.Random(lines)
    ends = [0, 1, 511, 512, 1023, 1024, 2047, 2048, 3071, lines - 1]
    used = sorted({place for place in ends if place < lines} | set(rng.sample(range(lines), 40)))
    memory = {line: rng.randrange(1 << 16) for line in used}
    rows = []
    for line in rng.sample(used, len(used)):
        # the other byte is written later, and nothing without an enable
        low = {"write_line": line, "write_data": memory[line] ^ 0xFF00, "write_enable": 1}
        rows += [low, {"write_data": memory[line] ^ 0xFF, "write_enable": 2}]
        rows += [{"write_data": ~memory[line] & 0xFFFF, "write_enable": 0}]
    start = len(rows)
    places = [(rng.choice(used), rng.choice(used)) for _ in range(200)]
    rows += [{"line": line, "write_line": beside} for line, beside in places]
    outputs = ["data", "beside"][:ports]
    tested = block(16, lines, 8, ports, "ecp5")
    found = trace(tested, rows, outputs, more=DeepMemory.latency)[start + DeepMemory.latency :]
    assert found == [tuple(memory[place] for place in pair[:ports]) for pair in places]


@pytest.mark.parametrize("ports", [1, 2])
@pytest.mark.parametrize("lines", [100, 1024, 1536, 2560, 3500])
def test_pieces_are_one_memory(lines, ports):
    check_pieces(DeepMemory, lines, ports)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("line[bits:] == first >> bits", "line[bits] == first >> bits"),
        ("line[bits:] == first >> bits", "line[bits:] == 0"),
        ("Mux(here[1], answer, last[name])", "Mux(here[0], answer, last[name])"),
        ("Mux(here[1], answer, last[name])", "answer"),
        ("Mux(self._lies_in(first, lines, self.write_line), self.write_enable, 0)",
         "self.write_enable"),
    ],
)  # fmt: skip
def test_broken_pieces_are_seen(right, wrong):
    assert sees(lambda block: check_pieces(block, 3584), DeepMemory, right, wrong)


@pytest.mark.parametrize("ports", [1, 2])
def test_pieces_are_powers_of_two_that_fall(ports):
    for lines in [16, 512, 513, 1536, 2560, 4608, 40000]:
        pieces = pieces_of(lines, ports, "ecp5")
        assert all(piece & (piece - 1) == 0 for piece in pieces)
        assert sorted(pieces, reverse=True) == pieces
        assert lines <= sum(pieces) < lines + SHALLOWEST[ports]
        assert pieces_of(lines, ports, "generic") == [lines]
