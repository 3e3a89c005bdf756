"""Watches the buses of the decision unit and holds them against the golden model.

Everything is sampled at the falling edge of the clock, in the middle of the cycle, where nothing
changes: what is valid and ready there is transferred at the rising edge that follows.
"""

from collections import deque
from typing import Any

from cocotb.triggers import FallingEdge

from ...golden.bank import BankDecision, DecisionBank, Vector
from ...golden.spec.decision import DecisionConfig
from ...golden.spec.decision_streams import (
    decision_fields,
    decision_width,
    logits_of_beats,
    unpack,
    user_fields,
)
from .stream import cycle_now

OKAY, SLVERR = 0b00, 0b10


class BusWatcher:
    """The golden model, driven by what happens on the buses; asserts that all answers are its.

    In a cycle a vector is taken first, then a write takes effect (one to the status before), then
    a decision is handed over.
    A read may answer by the state of any cycle from ARVALID to the one before ARREADY; the cycle
    counter by that of the last of these. What is valid stays so, with the same payload, until it
    is ready.

    Parameters
    ----------
    dut : simulator handle
    config : DecisionConfig

    Attributes
    ----------
    golden : DecisionBank
    vectors, decisions, writes, reads, errors : int
        Vectors taken, decisions, writes and reads answered, and how many of these with SLVERR.
    taken, offered : list of int
        Cycle in which each vector was taken, and each decision first offered.
    idle : int
        Cycles in which TREADY was low while a beat was offered.
    """

    def __init__(self, dut: Any, config: DecisionConfig):
        self._dut = dut
        self._config = config
        self.golden = DecisionBank(config)
        self.vectors = self.decisions = self.writes = self.reads = self.errors = 0
        self.taken: list[int] = []
        self.offered: list[int] = []
        self.idle = 0
        self._now: dict[str, int] = {}
        self._forget()

    def _forget(self) -> None:
        self.golden.reset()
        self._beats: list[tuple[int, int]] = []
        self._expected: deque[BankDecision] = deque()
        self._written: int | None = None
        self._read_states: list[int | None] = []
        self._read: tuple[set[int | None], int] | None = None
        self._held: dict[str, tuple[int, ...]] = {}

    def _value(self, name: str) -> int:
        """Return a signal in this cycle; reading it costs more than all else that is done here."""
        if name not in self._now:
            self._now[name] = int(getattr(self._dut, name).value)
        return self._now[name]

    def _moves(self, channel: str) -> bool:
        return bool(self._value(f"{channel}valid") and self._value(f"{channel}ready"))

    def _writes_to(self, name: str) -> bool:
        return self._value("s_axil_awaddr") == self.golden.registers.address(name)

    @property
    def pending(self) -> int:
        """Decisions that are still to come."""
        return len(self._expected)

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            await FallingEdge(self._dut.aclk)
            self._now.clear()
            if not self._value("aresetn"):
                self._forget()
                continue
            self._watch_held("m_axis_t", "data", "keep", "last", "user")
            self._watch_held("s_axil_b", "resp")
            self._watch_held("s_axil_r", "data", "resp")
            self._watch_read()
            # a flag that is set when it is cleared stays set
            cleared = self._moves("s_axil_aw") and self._writes_to("status")
            if cleared:
                self._watch_write()
            self._watch_vector()
            self.golden.run(1)
            if not cleared:
                self._watch_write()
            self._watch_decision()

    def _watch_held(self, channel: str, *signals: str) -> None:
        """Assert that what is offered on a channel stays until it is taken."""
        valid = bool(self._value(f"{channel}valid"))
        payload = tuple(self._value(channel + signal) for signal in signals) if valid else ()
        held = self._held.pop(channel, None)
        assert held is None or payload == held, (
            f"{channel} must stay {held} until ready, not {payload}, in cycle {cycle_now()}"
        )
        if valid and held is None and channel == "m_axis_t":
            self.offered.append(cycle_now())
        if valid and not self._value(f"{channel}ready"):
            self._held[channel] = payload

    def _watch_vector(self) -> None:
        if self._value("s_axis_tvalid") and not self._value("s_axis_tready"):
            self.idle += 1
        if not self._moves("s_axis_t"):
            return
        self._beats.append((self._value("s_axis_tdata"), self._value("s_axis_tkeep")))
        if self._value("s_axis_tlast"):
            logits, keep = logits_of_beats(self._config, self._beats)
            user = unpack(user_fields(self._config), self._value("s_axis_tuser"))
            vector = Vector(logits=logits, keep=keep, **user)
            self._expected.append(self.golden.take(vector))
            self._beats.clear()
            self.vectors += 1
            self.taken.append(cycle_now())

    def _watch_decision(self) -> None:
        if not self._moves("m_axis_t"):
            return
        assert self._expected, f"Decision must follow a vector, in cycle {cycle_now()}"
        expected = self._expected.popleft()
        got = {
            **unpack(decision_fields(self._config), self._value("m_axis_tdata")),
            **unpack(user_fields(self._config), self._value("m_axis_tuser")),
        }
        right = expected.on_bus()
        assert got == right, f"Decision must be {right}, not {got}, in cycle {cycle_now()}"
        assert self._value("m_axis_tlast") == 1
        assert self._value("m_axis_tkeep") == (1 << decision_width(self._config) // 8) - 1
        self.golden.hand_over(expected)
        self.decisions += 1

    def _watch_write(self) -> None:
        if self._written is not None and self._value("s_axil_bvalid"):
            response = self._value("s_axil_bresp")
            assert response == self._written, (
                f"BRESP must be {self._written}, not {response}, in cycle {cycle_now()}"
            )
            if self._value("s_axil_bready"):
                self.writes += 1
                self.errors += response == SLVERR
                self._written = None
        else:
            assert not self._value("s_axil_bvalid"), "BVALID must follow a write"
        moves = self._moves("s_axil_aw")
        assert moves == self._moves("s_axil_w")
        if moves:
            # BVALID comes in the next cycle, or the check above fails
            assert self._written is None
            legal = self.golden.write(
                self._value("s_axil_awaddr"),
                self._value("s_axil_wdata"),
                strobes=self._value("s_axil_wstrb"),
            )
            self._written = OKAY if legal else SLVERR

    def _watch_read(self) -> None:
        if self._value("s_axil_rvalid"):
            assert self._read is not None, "RVALID must follow a read"
            states, address = self._read
            word = self._value("s_axil_rdata")
            answer = None if self._value("s_axil_rresp") == SLVERR else word
            assert answer in states, f"Read of {address:#x} must be of {states}, not {answer}"
            if self._value("s_axil_rready"):
                self.reads += 1
                self.errors += answer is None
                self._read = None
        if not self._value("s_axil_arvalid"):
            return
        address = self._value("s_axil_araddr")
        if self._value("s_axil_arready"):
            exact = address == self.golden.registers.address("cycles_low")
            states = {self._read_states[-1]} if exact else set(self._read_states)
            self._read = states, address
            self._read_states.clear()
        else:
            self._read_states.append(self.golden.read(address))
