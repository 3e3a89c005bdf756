"""Ends of a ready/valid stream, with stalls, for any bench.

Inputs change after the rising edge of the clock. Everything is sampled at the falling edge, in
the middle of the cycle, where nothing changes: what is valid and ready there is transferred at the
rising edge that follows. So no result depends on the order in which a simulator calls its
coroutines.
"""

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from cocotb.simtime import get_sim_time
from cocotb.triggers import Event, FallingEdge, RisingEdge

from . import CLOCK_PERIOD_NS

STALLS = {"never": 0.0, "random": 0.5, "mostly": 0.85}
"""How often an end of a stream pauses, by name."""


def stalls(name: str, seed: int) -> Iterator[bool]:
    """Yield for each cycle whether to pause: ``never``, ``random`` or ``mostly``."""
    rate = STALLS[name]
    if rate == 0:
        return repeat(False)
    source = random.Random(seed)
    return (source.random() < rate for _ in repeat(None))


def cycle_now() -> int:
    """Return the clock cycles since the start of the simulation, the same within a cycle."""
    return int(get_sim_time("ns")) // CLOCK_PERIOD_NS


class StreamDriver:
    """Sends beats into a stream; a beat once offered stays until it is taken.

    Parameters
    ----------
    dut : simulator handle
        Has ``clk`` and the ports ``<prefix>_valid``, ``<prefix>_ready`` and one for each field.
    prefix : str
    idle : iterator of bool
        Whether to offer nothing in this cycle.

    Attributes
    ----------
    taken : list of int
        The cycle of each transfer.
    waited : int
        Cycles in which a beat was offered and not taken.
    """

    def __init__(self, dut: Any, prefix: str, idle: Iterator[bool]):
        self._dut = dut
        self._prefix = prefix
        self._idle = idle
        self._valid = getattr(dut, f"{prefix}_valid")
        self._ready = getattr(dut, f"{prefix}_ready")
        self._valid.value = 0
        self.taken: list[int] = []
        self.waited = 0

    async def send(self, beats: Sequence[Mapping[str, int]]) -> None:
        """Send beats, each a value for every field; to be called at a rising edge."""
        clk = self._dut.clk
        for beat in beats:
            while next(self._idle):
                self._valid.value = 0
                await RisingEdge(clk)
            self._valid.value = 1
            for field, value in beat.items():
                getattr(self._dut, f"{self._prefix}_{field}").value = value
            while True:
                await FallingEdge(clk)
                taken = bool(self._ready.value)
                cycle = cycle_now()
                await RisingEdge(clk)
                if taken:
                    break
                self.waited += 1
            self.taken.append(cycle)
        self._valid.value = 0


class StreamMonitor:
    """Takes beats from a stream, and watches that it keeps the rules.

    A beat that is offered stays offered, with the same payload, until it is taken.

    Parameters
    ----------
    dut, prefix
        As of `StreamDriver`.
    fields : mapping of str to bool
        Names of the fields, and whether they are signed.
    stall : iterator of bool
        Whether not to be ready in this cycle.

    Attributes
    ----------
    beats : deque
        Beats taken, each a value for every field.
    offered : list of int
        The cycle in which each of them was first offered.
    """

    def __init__(self, dut: Any, prefix: str, fields: Mapping[str, bool], stall: Iterator[bool]):
        self._clk = dut.clk
        self._prefix = prefix
        self._fields = {name: getattr(dut, f"{prefix}_{name}") for name in fields}
        self._signed = dict(fields)
        self._stall = stall
        self._valid = getattr(dut, f"{prefix}_valid")
        self._ready = getattr(dut, f"{prefix}_ready")
        self._ready.value = 0
        self._arrived = Event()
        self.beats: deque[dict[str, int]] = deque()
        self.offered: list[int] = []

    def _payload(self) -> dict[str, int]:
        return {
            # a port of one bit is no vector, so it has no to_unsigned
            name: port.value.to_signed() if self._signed[name] else int(port.value)
            for name, port in self._fields.items()
        }

    async def run(self) -> None:
        """Take beats for ever; to be started at a rising edge."""
        waiting: dict[str, int] | None = None
        while True:
            ready = not next(self._stall)
            self._ready.value = ready
            await FallingEdge(self._clk)
            valid = bool(self._valid.value)
            assert valid or waiting is None, (
                f"{self._prefix}_valid must stay high until ready, but fell in cycle {cycle_now()}"
            )
            if valid:
                payload = self._payload()
                assert waiting is None or payload == waiting, (
                    f"{self._prefix} payload must stay {waiting} until ready, not {payload}"
                )
                if waiting is None:
                    self.offered.append(cycle_now())
                waiting = payload
                if ready:
                    self.beats.append(payload)
                    self._arrived.set()
                    waiting = None
            await RisingEdge(self._clk)

    async def receive(self, n: int) -> list[dict[str, int]]:
        """Wait for `n` beats and return them, oldest first, at a rising edge."""
        while len(self.beats) < n:
            self._arrived.clear()
            await self._arrived.wait()
        await RisingEdge(self._clk)
        return [self.beats.popleft() for _ in range(n)]
