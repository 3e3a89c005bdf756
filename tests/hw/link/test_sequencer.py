import random

import pytest

from offramp.hw.link.instruction import (
    N_CONDITIONS,
    N_PORT_WORDS,
    PROGRAM_WORDS,
    Assembler,
    Condition,
    Control,
)
from offramp.hw.link.sequencer import Sequencer
from tests.hw.engine.simulation import sees, simulate

NAMES = [f"v{k}" for k in range(6)]
LAST = (Control.WRITE, Control.READ, Control.TAKE)
"""Controls that pulse together when a program ends."""


class Recorder:
    """Writes a program, and says what it must do, instruction by instruction.

    Events are ``("controls", bits, accumulator)``, ``("serial", bit, feedback)`` and
    ``("send", accumulator)``.
    """

    def __init__(self, ports, conditions):
        self.assembler = Assembler()
        self.events = []
        self._ports, self._conditions = ports, conditions
        self._accumulator = self._carry = self._pointer = 0
        self._variables = {}
        self._records = {}

    def _value(self, operand):
        if isinstance(operand, int):
            return operand
        if isinstance(operand, str):
            return self._variables.get(operand, 0)
        kind, offset = operand
        if kind == "record":
            return self._records.get((self._pointer, offset), 0)
        return self._ports[kind + offset]

    def load(self, operand):
        self.assembler.load(operand)
        self._accumulator = self._value(operand)

    def add(self, operand, with_carry):
        self.assembler.add(operand, with_carry=with_carry)
        self._sum(self._value(operand) + (self._carry if with_carry else 0))

    def subtract(self, operand, with_carry):
        self.assembler.subtract(operand, with_carry=with_carry)
        self._sum(0xFF - self._value(operand) + (self._carry if with_carry else 1))

    def _sum(self, value):
        total = self._accumulator + value
        self._accumulator, self._carry = total & 0xFF, total >> 8

    def store(self, operand):
        self.assembler.store(operand)
        if isinstance(operand, str):
            self._variables[operand] = self._accumulator
        else:
            self._records[self._pointer, operand[1]] = self._accumulator

    def point(self, record):
        # the second page holds the variables
        self.load(8 * record)
        self.pulse(Control.POINTER)
        self._pointer = record

    def pulse(self, *controls):
        self.assembler.pulse(*controls)
        bits = sum(1 << control for control in controls)
        if bits:
            self.events.append(("controls", bits, self._accumulator))

    def serial(self, feedback, send):
        self.assembler.serial(feedback=feedback, send=send)
        bits = [("serial", self._accumulator >> k & 1, feedback) for k in range(8)]
        sends = [("send", self._accumulator)] if send else []
        # it is sent when the sixth bit goes out
        self.events += [*bits[:6], *sends, *bits[6:]]

    def holds(self, condition):
        match condition:
            case Condition.ALWAYS:
                return True
            case Condition.ZERO:
                return self._accumulator == 0
            case Condition.CARRY:
                return bool(self._carry)
            case Condition.ODD:
                return bool(self._accumulator & 1)
        return bool(self._conditions >> condition & 1)

    def jump(self, condition, negated):
        """Jump over an instruction that would be seen."""
        target = self.assembler.fresh()
        (self.assembler.jump_unless if negated else self.assembler.jump_if)(condition, target)
        if self.holds(condition) != negated:
            self.assembler.pulse(Control.WRITE)
        else:
            self.pulse(Control.WRITE)
        self.assembler.label(target)


def write_program(rng, ports, conditions, n):
    recorder = Recorder(ports, conditions)
    recorder.point(0)
    for value in (0x80, 0x01, 0x00):
        recorder.load(value)
        for condition in (Condition.ZERO, Condition.ODD):
            recorder.jump(condition, negated=False)

    def operand():
        return rng.choice((
            rng.randrange(256), 0, 0x80, 0xFF, rng.choice(NAMES), ("record", rng.randrange(8)),
            (rng.randrange(4 * N_PORT_WORDS), 0),
        ))  # fmt: skip

    for _ in range(n):
        match rng.randrange(9):
            case 0 | 1:
                recorder.load(operand())
            case 2:
                recorder.add(operand(), rng.random() < 0.5)
            case 3:
                recorder.subtract(operand(), rng.random() < 0.5)
            case 4:
                recorder.store(rng.choice((*NAMES, ("record", rng.randrange(8)))))
            case 5:
                recorder.pulse(*rng.sample([c for c in Control if c != Control.POINTER], 2))
            case 6:
                recorder.serial(rng.random() < 0.5, rng.random() < 0.5)
            case 7:
                recorder.jump(rng.choice(list(Condition)), rng.random() < 0.5)
            case 8:
                recorder.point(rng.randrange(32))
    recorder.pulse(*LAST)
    end(recorder.assembler)
    return recorder


def end(assembler):
    """Stay where the program ends."""
    assembler.label("end")
    assembler.jump("end")


def run(block, program, ports=(0,) * 4 * N_PORT_WORDS, conditions=0, *, family="generic", wait=0.0):
    """Return the events up to the last one of a program, and the cycle of each."""
    sequencer = block(program, family)
    rng = random.Random(wait)
    events, cycles = [], []

    async def testbench(ctx):
        for number in range(N_PORT_WORDS):
            word = int.from_bytes(bytes(ports[4 * number : 4 * number + 4]), "little")
            ctx.set(sequencer.ports[number], word)
        ctx.set(sequencer.conditions, conditions)
        waited = 0
        for cycle in range(12 * PROGRAM_WORDS):
            waits = rng.random() < wait
            waited = waited + 1 if waits else 0
            ctx.set(sequencer.wait, waits)
            accumulator = ctx.get(sequencer.accumulator)
            found = []
            if bits := ctx.get(sequencer.controls):
                found.append(("controls", bits, accumulator))
            if ctx.get(sequencer.serial):
                feedback = bool(ctx.get(sequencer.feedback))
                found.append(("serial", ctx.get(sequencer.serial_bit), feedback))
            if ctx.get(sequencer.send):
                found.append(("send", accumulator))
            # an instruction later it stands still
            assert waited <= Sequencer.cycles or not found
            events.extend(found)
            cycles.extend([cycle] * len(found))
            if found and found[0][:2] == ("controls", sum(1 << control for control in LAST)):
                break
            await ctx.tick()

    simulate(sequencer, testbench)
    return events, cycles


def check(block, *, seed=0, n=120, **options):
    rng = random.Random(seed)
    ports = [rng.randrange(256) for _ in range(4 * N_PORT_WORDS)]
    conditions = rng.randrange(1 << N_CONDITIONS)
    recorder = write_program(rng, ports, conditions, n)
    program = recorder.assembler.assemble()
    events, _ = run(block, program, ports, conditions, **options)
    assert events == recorder.events


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("wait", [0.0, 0.6])
def test_programs_do_what_they_say(family, wait):
    check(Sequencer, seed=1, family=family, wait=wait)


def test_instruction_takes_four_cycles():
    assembler = Assembler()
    for control in (Control.WRITE, Control.READ, Control.TAKE):
        assembler.pulse(control)
    assembler.pulse(*LAST)
    end(assembler)
    _, cycles = run(Sequencer, assembler.assemble())
    assert cycles == [cycles[0] + Sequencer.cycles * k for k in range(4)]


def test_records_of_the_second_page_are_the_variables():
    assembler = Assembler()
    assembler.declare("first", bytes(range(40, 60)))
    # record 1 there
    assembler.load(8 * 1 + 4)
    assembler.pulse(Control.POINTER)
    assembler.load(("record", 3))
    assembler.pulse(*LAST)
    end(assembler)
    events, _ = run(Sequencer, assembler.assemble())
    assert events[-1][-1] == 40 + 11


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("acting.eq(phase == 3)", "acting.eq(phase == 2)"),
        ("waits.eq((phase == 2) & self.wait)", "waits.eq(0)"),
        ("shifts & ~waits", "shifts"),
        ("Mux(taken, jump.target, place + 1)", "place + 1"),
        ("^ jump.negated", ""),
        ("jump.is_jump & (", "("),
        ("(self.accumulator == 0)", "(self.accumulator[:7] == 0)"),
        ("PAGE + variable", "variable"),
        ("Cat(self.accumulator[3:], self.accumulator[2])", "self.accumulator[3:]"),
        ("writer.en.eq(stores & acting)", "writer.en.eq(0)"),
        ("value ^ operation.invert.replicate(8)", "value"),
        ("Mux(operation.with_carry, carry, operation.invert)", "operation.invert"),
        ("sums & acting & ~operation.keep", "sums & acting"),
        ("with m.If(operation.keep)", "with m.If(1)"),
        ("Cat(phase[0], ~phase[1], serial.upper_half)", "Cat(phase, serial.upper_half)"),
        ("shifts & serial.send & acting", "serial.send & acting"),
        ("place[2:5] == number", "place[2:4] == number"),
    ],
)
def test_broken_sequencer_is_seen(right, wrong):
    def check_some(block):
        check(block, seed=1, n=90)
        check(block, seed=2, n=90, wait=0.5)

    if "PAGE" in right or "accumulator[2]" in right:
        # what is where in memory only records tell
        def check_some(block):
            assembler = Assembler()
            assembler.declare("first", b"\5")
            assembler.load(4)
            assembler.pulse(Control.POINTER)
            assembler.load(("record", 0))
            assembler.pulse(*LAST)
            end(assembler)
            events, _ = run(block, assembler.assemble())
            assert events[-1][-1] == 5

    assert sees(check_some, Sequencer, right, wrong)


def test_programs_and_variables_that_do_not_fit_are_refused():
    assembler = Assembler()
    for _ in range(PROGRAM_WORDS + 1):
        assembler.pulse()
    with pytest.raises(ValueError, match="Program must have at most 512 words, not 513"):
        assembler.assemble()
    assembler = Assembler()
    assembler.declare("many", bytes(128))
    with pytest.raises(ValueError, match=r"Variables must be at most 128, not more \(7\)"):
        assembler.load(7)
    assembler.label("here")
    with pytest.raises(ValueError, match="Label must be new, not 'here'"):
        assembler.label("here")
