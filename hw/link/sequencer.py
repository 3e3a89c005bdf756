"""A sequencer of bytes: program memory, variables, one accumulator."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .instruction import (
    N_CONDITIONS,
    N_CONTROLS,
    N_PORT_WORDS,
    PROGRAM_WORDS,
    RECORD_BYTES,
    Condition,
    Control,
    MicroProgram,
)

__all__ = ["Instruction", "Jump", "Operation", "Sequencer", "Serial"]

PAGE = 256
"""Bytes of records; as many behind them begin with the variables."""


class Jump(data.StructLayout):
    """An instruction, as a jump."""

    def __init__(self):
        super().__init__(
            {
                "target": (PROGRAM_WORDS - 1).bit_length(),
                "condition": (N_CONDITIONS - 1).bit_length(),
                "negated": 1,
                "unused": 1,
                "is_jump": 1,
            }
        )


class Operation(data.StructLayout):
    """An instruction that has an operand."""

    def __init__(self):
        super().__init__(
            {
                "place": 6,
                "is_record": 1,
                "is_variable": 1,
                "unused": 2,
                "with_carry": 1,
                "invert": 1,
                "keep": 1,
                "store": 1,
                "accumulate": 1,
                "is_jump": 1,
            }
        )


class Serial(data.StructLayout):
    """An instruction that shifts bits of the accumulator out."""

    def __init__(self):
        super().__init__({"upper_half": 1, "feedback": 1, "send": 1, "unused": 13})


class Instruction(data.UnionLayout):
    """An instruction, see `offramp.hw.link.instruction`."""

    def __init__(self):
        super().__init__(
            {"operation": Operation(), "jump": Jump(), "serial": Serial(), "controls": N_CONTROLS}
        )


class Sequencer(wiring.Component):
    """Run a program on bytes, an instruction in 4 cycles.

    ::

        cycle   0            1            2                3            0 of the next
                read the     keep the     read variable    jump, or     add,
                program      instruction  or record        take the     store the sum
                                                           operand

    So a jump knows the sum of the instruction before it. Controls pulse in cycle 3. A serial
    instruction shifts out one bit in each of its cycles from 2 to 1 of the next; the accumulator
    is the same in all of them. Cycle 2 lasts as long as the sequencer must wait.

    Parameters
    ----------
    program : MicroProgram
        It begins with its first word after reset; variables keep what they hold.
    family : str
        "ecp5" puts a register behind the program, whose words come late there, and one behind
        the ports; elsewhere the memory itself keeps the instruction.

    Members
    -------
    ports : In(32 [N_PORT_WORDS])
        Words of four bytes to load or add.
    conditions : In(N_CONDITIONS)
        For jumps. Those on the accumulator are made here: their bits do not count.
    wait : In(1)
        The accumulator must stay as it is.
    controls : Out(N_CONTROLS)
    send : Out(1)
        Pulse: send the accumulator.
    accumulator : Out(8)
    serial : Out(1)
        `serial_bit` is there, in the order from the lowest one on.
    serial_bit, feedback : Out(1)
    """

    cycles = 4

    def __init__(self, program: MicroProgram, family: str = "generic"):
        self._program = program
        self._family = family
        super().__init__(
            {
                "ports": In(data.ArrayLayout(32, N_PORT_WORDS)),
                "conditions": In(N_CONDITIONS),
                "wait": In(1),
                "controls": Out(N_CONTROLS),
                "send": Out(1),
                "accumulator": Out(8),
                "serial": Out(1),
                "serial_bit": Out(1),
                "feedback": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.program = program = Memory(
            shape=16,
            depth=PROGRAM_WORDS,
            init=self._program.words,
            attrs={"ram_style": "block"},
        )
        m.submodules.variables = variables = Memory(
            shape=8,
            depth=2 * PAGE,
            init=[0] * PAGE + list(self._program.variables),
            attrs={"ram_style": "block", "no_rw_check": 1},
        )
        fetch = program.read_port()
        reader, writer = variables.read_port(), variables.write_port()

        # -- the instruction ----------------------------------------------------------------------
        phase = Signal(2)
        acting = Signal()
        instruction = Signal(Instruction(), reset_less=True)
        operation, jump, serial = instruction.operation, instruction.jump, instruction.serial
        sums, stores, controls, shifts = (
            Signal(name=f"is_{kind}") for kind in ("sum", "store", "control", "serial")
        )
        kind = Cat(operation.store, operation.accumulate, operation.is_jump)
        waits = Signal()
        with m.If(~waits):
            m.d.sync += phase.eq(phase + 1)
        m.d.comb += [
            waits.eq((phase == 2) & self.wait),
            acting.eq(phase == 3),
            controls.eq(kind == 0b000),
            stores.eq(kind == 0b001),
            sums.eq(kind == 0b010),
            shifts.eq(kind == 0b011),
        ]
        if self._family == "ecp5":
            # one that goes into the block RAM
            m.d.comb += fetch.en.eq(phase == 0)
            m.d.sync += instruction.eq(fetch.data)
        else:
            m.d.comb += [fetch.en.eq(phase == 1), instruction.eq(fetch.data)]

        # -- jumps --------------------------------------------------------------------------------
        place = Signal(range(PROGRAM_WORDS))
        carry = Signal()
        conditions = Signal(N_CONDITIONS)
        taken = Signal()
        m.d.comb += [
            fetch.addr.eq(place),
            conditions.eq(self.conditions),
            conditions[Condition.ALWAYS].eq(1),
            conditions[Condition.ZERO].eq(self.accumulator == 0),
            conditions[Condition.CARRY].eq(carry),
            conditions[Condition.ODD].eq(self.accumulator[0]),
            taken.eq(jump.is_jump & (conditions.bit_select(jump.condition, 1) ^ jump.negated)),
        ]
        with m.If(acting):
            m.d.sync += place.eq(Mux(taken, jump.target, place + 1))

        # -- memory -------------------------------------------------------------------------------
        pointer = Signal(6)
        address = Signal(range(2 * PAGE))
        variable = Cat(operation.place, operation.is_record)
        record = Cat(operation.place[: (RECORD_BYTES - 1).bit_length()], pointer)
        m.d.comb += [
            address.eq(Mux(operation.is_variable, PAGE + variable, record)),
            reader.addr.eq(address),
            writer.addr.eq(address),
            writer.data.eq(self.accumulator),
            writer.en.eq(stores & acting),
        ]
        with m.If(self.controls[Control.POINTER]):
            m.d.sync += pointer.eq(Cat(self.accumulator[3:], self.accumulator[2]))

        # -- sums ---------------------------------------------------------------------------------
        operand, total = Signal(8), Signal(9)
        port = self._port(m, operation.place)
        value = Mux(operation.is_variable | operation.is_record, reader.data, port)
        m.d.sync += operand.eq(value ^ operation.invert.replicate(8))
        m.d.comb += total.eq(
            self.accumulator + operand + Mux(operation.with_carry, carry, operation.invert)
        )
        with m.If(sums & acting & ~operation.keep):
            # what is added then is loaded
            m.d.sync += self.accumulator.eq(0)
        with m.Elif(sums & (phase == 0)):
            m.d.sync += self.accumulator.eq(total)
            with m.If(operation.keep):
                m.d.sync += carry.eq(total[8])

        # -- outputs ------------------------------------------------------------------------------
        bit = Signal(3)
        m.d.comb += [
            # cycles 2, 3, 0, 1
            bit.eq(Cat(phase[0], ~phase[1], serial.upper_half)),
            self.serial.eq(shifts & ~waits),
            self.serial_bit.eq(self.accumulator.bit_select(bit, 1)),
            self.feedback.eq(serial.feedback),
            self.send.eq(shifts & serial.send & acting),
            self.controls.eq(Mux(controls & acting, instruction.controls, 0)),
        ]
        return m

    def _port(self, m, place):
        """Return a byte of the ports: first a byte of each word, then of these one."""
        first, *others = (word.word_select(place[:2], 8) for word in self.ports)
        chosen = first
        for number, byte in enumerate(others, 1):
            chosen = Mux(place[2:5] == number, byte, chosen)
        port = Signal(8)
        if self._family == "ecp5":
            # cycle 2 chooses, cycle 3 takes
            m.d.sync += port.eq(chosen)
        else:
            m.d.comb += port.eq(chosen)
        return port
