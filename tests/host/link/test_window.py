"""The window against a board, on a wire that loses and damages what it likes."""

import random

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from offramp.golden.engine_bank import EngineBank
from offramp.golden.link_board import LinkBoard
from offramp.golden.spec.engine import EngineConfig
from offramp.golden.spec.link import FIXED, Kind, LinkConfig
from offramp.host.link.transfer import Transfer
from offramp.host.link.window import State, Window

ENGINE = EngineConfig(activation_bytes=1024, weight_lines=16, channel_lines=16, program_words=32)
LINK = LinkConfig(clock_hz=48_000_000, buffer_bytes=512, result_slots=4)
SESSION = 0x7D7E
# to find the smallest failing example would take minutes
PHASES = [phase for phase in Phase if phase is not Phase.shrink]
RATES = st.sampled_from([0.0, 0.001, 0.01])
SHARES = st.sampled_from([0.3, 0.9, 1.0, 1.0])


class RecordingBank(EngineBank):
    """An engine that remembers each word that it was given."""

    def __init__(self):
        super().__init__(ENGINE, lambda _program: {})
        self.written: list[tuple[int, int]] = []
        self.image: list[tuple[bytes, bool]] = []

    def write(self, address: int, word: int) -> bool:
        self.written.append((address, word))
        return super().write(address, word)

    @property
    def room(self) -> bool:
        return True

    def take(self, word: bytes, last: bool) -> None:
        self.image.append((word, last))


class LinkMachine(RuleBasedStateMachine):
    """What is submitted is executed once, whole and in order, whatever the wire does."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.down = b""
        self.up = b""
        self.numbers = 0
        self.expected_writes: list[tuple[int, int]] = []
        self.expected_image: list[tuple[bytes, bool]] = []
        self.reads: list[tuple[Transfer, bytes]] = []

    @initialize()
    def begin(self):
        self.engine = RecordingBank()
        self.board = LinkBoard(self.engine, LINK)
        self.window = Window(byte_seconds=1e-5)
        self.window.open(SESSION, self.now)
        self.up = self.answers(self.window.output(self.now))

    def word(self) -> int:
        self.numbers += 1
        return self.numbers

    @rule(n=st.integers(1, 150))
    def write_at_one_address(self, n):
        address = self.engine.registers.address("watchdog")
        words = [self.word() for _ in range(n)]
        self.expected_writes += [(address, word) for word in words]
        self.submit(Kind.WRITE, address=FIXED | address, words=words)

    @rule()
    def write_two_registers_that_follow_each_other(self):
        address = self.engine.registers.address("interrupt_enable")
        words = [self.word() & 7, self.word()]
        self.expected_writes += [(address, words[0]), (address + 4, words[1])]
        self.submit(Kind.WRITE, address=address, words=words)

    @rule(n=st.integers(1, 150))
    def send_image(self, n):
        words = [self.word() for _ in range(n)]
        packed = [word.to_bytes(4, "little") for word in words]
        self.expected_image += [(word, k == n - 1) for k, word in enumerate(packed)]
        self.submit(Kind.IMAGE, words=words)
        # the engine of this test gives no results: the board must take more images than slots
        self.board._released = self.board.images + 1

    def submit(self, kind, words, **fields):
        data = b"".join(word.to_bytes(4, "little") for word in words)
        self.window.submit(Transfer(kind, data=data, **fields))

    @rule(urgent=st.booleans())
    def read_the_magic(self, urgent):
        transfer = Transfer(Kind.READ, count=1, urgent=urgent)
        self.window.submit(transfer)
        self.reads.append((transfer, b"ARFO"))

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.03, 0.3, 2.0]))
    def send(self, seconds):
        self.now += seconds
        self.down += self.window.output(self.now)

    @rule(
        seconds=st.sampled_from([0.001, 0.3]),
        shares=st.tuples(SHARES, SHARES),
        faults=st.tuples(RATES, RATES),
        seed=st.integers(0, 1000),
        rounds=st.integers(1, 10),
    )
    def exchange(self, seconds, shares, faults, seed, rounds):
        """Let a share of the bytes arrive, damaged in places, and of those that come back."""
        for number in range(rounds):
            self.now += seconds
            self.down += self.window.output(self.now)
            n = round(shares[0] * len(self.down))
            data, self.down = self.down[:n], self.down[n:]
            self.up += self.answers(damage(data, seed + number, faults[0]))
            n = round(shares[1] * len(self.up))
            data, self.up = self.up[:n], self.up[n:]
            self.window.receive(damage(data, seed + number + 7, faults[1]), self.now)

    @rule()
    def pull_the_cable(self):
        self.down = self.up = b""
        self.window.restart(self.now)

    def answers(self, data: bytes) -> bytes:
        self.board.receive(data)
        answers = b""
        while answer := self.board.step():
            self.board._released = self.board.images + 1
            answers += answer
        return answers

    @invariant()
    def nothing_is_executed_twice_or_out_of_order(self):
        if not hasattr(self, "engine"):
            return
        written, image = self.engine.written, self.engine.image
        assert written == self.expected_writes[: len(written)]
        assert image == self.expected_image[: len(image)]
        assert self.window.state in (State.ASKING, State.GOING)

    def teardown(self):
        if not hasattr(self, "engine"):
            return
        for _ in range(1000):
            if self.window.idle:
                break
            self.down += self.window.output(self.now)
            self.up += self.answers(self.down)
            self.down = b""
            self.window.receive(self.up, self.now)
            self.up = b""
            self.now += 0.1
        assert self.window.idle
        assert self.engine.written == self.expected_writes
        assert self.engine.image == self.expected_image
        for transfer, answer in self.reads:
            assert transfer.answer == answer


def damage(data: bytes, seed: int, rate: float) -> bytes:
    """Return bytes with some of them changed, lost, doubled or in another order."""
    generator = random.Random(seed)
    out = bytearray(data)
    for _ in range(sum(generator.random() < rate for _ in data)):
        place = generator.randrange(len(out))
        match generator.randrange(4):
            case 0:
                out[place] ^= 1 << generator.randrange(8)
            case 1:
                del out[place : place + generator.randrange(1, 20)]
            case 2:
                out[place:place] = out[place : place + generator.randrange(1, 20)]
            case 3:
                out[place : place + 4] = reversed(out[place : place + 4])
        if not out:
            break
    return bytes(out)


def test_answer_to_an_earlier_question_says_nothing_of_what_was_sent_since():
    engine = RecordingBank()
    board = LinkBoard(engine, LINK)
    window = Window(byte_seconds=1e-5)
    window.open(SESSION, 0.0)
    first = board.respond(window.output(0.0))
    # asked once more because the answer takes its time
    second = board.respond(window.output(1.0))
    window.receive(first, 1.0)
    assert window.state is State.GOING
    word = b"\1\0\0\0"
    watchdog = engine.registers.address("watchdog")
    window.submit(Transfer(Kind.WRITE, address=watchdog, data=word))
    sent = window.output(1.0)
    # the write is taken for lost, but only slow; the second answer comes before it
    question = window.output(4.0)
    assert window.state is State.ASKING
    window.receive(second, 4.0)
    assert window.state is State.ASKING
    window.receive(board.respond(sent + question), 4.1)
    assert window.idle
    assert engine.written == [(watchdog, 1)]
    assert window.counts.again == 0


TestLink = LinkMachine.TestCase
TestLink.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    phases=PHASES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
