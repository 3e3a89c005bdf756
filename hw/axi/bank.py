"""A register bank built from a register map."""

from amaranth.hdl import Const, Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.registers import (
    WORD_BITS,
    WORD_BYTES,
    WORD_MASK,
    Access,
    Field,
    Register,
    RegisterMap,
)
from .signature import RegisterPort

__all__ = ["MemoryPort", "RegisterBank"]


class MemoryPort(wiring.Signature):
    """Reads of the registers that lie in a memory beside the bank, as the bank drives them.

    Members
    -------
    read : Out(1)
        Held until `done`.
    address : Out
        Word address in the map, stable while `read`.
    done : In(1)
        `data` is valid in this cycle; never without `read`.
    data : In
    """

    def __init__(self, address_width: int):
        super().__init__(
            {
                "read": Out(1),
                "address": Out(address_width - 2),
                "done": In(1),
                "data": In(WORD_BITS),
            }
        )


def _shape(field: Field) -> Shape:
    return Shape(field.width, field.signed)


def _member(register: Register, field: Field):
    """Return the bank's member for a field; None if it needs none."""
    match field.access:
        case Access.CONSTANT:
            return None
        case Access.READ_WRITE:
            member = Out(_shape(field), init=field.reset)
        case Access.PULSE:
            member = Out(_shape(field))
        case Access.READ_ONLY | Access.WRITE_1_TO_CLEAR:
            member = In(_shape(field))
    for array in reversed(register.arrays):
        member = member.array(array.count)
    return member


def _element(member, index):
    """Return ``member[a][b]...`` for an index; the member itself for an empty one."""
    for number in index:
        member = member[number]
    return member


class RegisterBank(wiring.Component):
    """Hold the registers of a map and answer accesses to them.

    Reads of registers in the bank are done in their first cycle; those in a memory are handed on.
    A write takes effect at the end of its cycle. Illegal accesses are answered with an error and
    change nothing; which are legal is said in `offramp.golden.spec.registers`.

    Parameters
    ----------
    register_map : RegisterMap

    Members
    -------
    port : In(RegisterPort)
    memory : Out(MemoryPort)
        If a register of the map lies in a memory.
    <register>_<field>
        For each field. Read-write: Out, the value. Write 1 to act: Out, high for one cycle, that
        of the write. Read only: In, the value. Write 1 to clear: In, sets the flag when high,
        whatever is written in that cycle. Arrays of these for a register in arrays.
    <register>_read : Out(1)
        For registers with `latch`: high in the cycle in which the register is read.
    """

    def __init__(self, register_map: RegisterMap):
        self._map = register_map
        members = {"port": In(RegisterPort(register_map.address_width))}
        if any(register.memory for register in register_map.registers):
            members["memory"] = Out(MemoryPort(register_map.address_width))
        for register in register_map.registers:
            if register.latch:
                members[f"{register.name}_read"] = Out(1)
            if register.memory:
                continue
            for field in register.fields:
                member = _member(register, field)
                if member is not None:
                    members[f"{register.name}_{field.name}"] = member
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        port = self.port
        # write 1 to clear: what is written clears, what the hardware says sets and wins
        flags = {}
        for register, field in self._fields(Access.WRITE_1_TO_CLEAR):
            flag = Signal(field.width, name=f"{register.name}_{field.name}_flag")
            m.d.sync += flag.eq(flag | self._value(register, field))
            flags[register.name, field.name] = flag

        m.d.comb += port.read_done.eq(port.read)
        if any(register.memory for register in self._map.registers):
            m.d.comb += self.memory.address.eq(port.read_address)
        with m.Switch(port.read_address):
            for register in self._map.registers:
                if register.memory:
                    self._elaborate_memory_read(m, register)
                else:
                    self._elaborate_read(m, register, flags)
            with m.Default():
                m.d.comb += port.read_error.eq(1)

        m.d.comb += port.write_error.eq(1)
        with m.Switch(port.write_address):
            for register in self._map.registers:
                if register.writable:
                    self._elaborate_write(m, register, flags)
        return m

    def _fields(self, access):
        return [
            (register, field)
            for register in self._map.registers
            for field in register.fields
            if field.access is access
        ]

    def _value(self, register, field, index=()):
        """Return the member of a field, one element of it for registers in arrays."""
        return _element(getattr(self, f"{register.name}_{field.name}"), index)

    def _elaborate_memory_read(self, m, register):
        port = self.port
        with m.Case(*(address // WORD_BYTES for address in register.addresses)):
            m.d.comb += [
                self.memory.read.eq(port.read),
                port.read_done.eq(self.memory.done),
                port.read_data.eq(self.memory.data),
            ]

    def _elaborate_read(self, m, register, flags):
        for address, index in register.addresses.items():
            with m.Case(address // WORD_BYTES):
                for field in register.fields:
                    match field.access:
                        case Access.PULSE:
                            continue
                        case Access.CONSTANT:
                            value = field.reset
                        case Access.WRITE_1_TO_CLEAR:
                            value = flags[register.name, field.name]
                        case _:
                            value = self._value(register, field, index)
                    if field.signed:
                        # extended by the assignment: a signed field fills the word
                        m.d.comb += self.port.read_data.eq(value)
                    else:
                        end = field.lsb + field.width
                        m.d.comb += self.port.read_data[field.lsb : end].eq(value)
                if register.latch:
                    m.d.comb += getattr(self, f"{register.name}_read").eq(self.port.read)

    def _elaborate_write(self, m, register, flags):
        data = self.port.write_data
        legal = Signal(name=f"{register.name}_legal")
        m.d.comb += legal.eq(_legal(register, data))
        for address, index in register.addresses.items():
            with m.Case(address // WORD_BYTES):
                m.d.comb += self.port.write_error.eq(~legal)
                with m.If(self.port.write & legal):
                    for field in register.fields:
                        written = data[field.lsb : field.lsb + field.width]
                        match field.access:
                            case Access.READ_WRITE:
                                m.d.sync += self._value(register, field, index).eq(written)
                            case Access.PULSE:
                                m.d.comb += self._value(register, field, index).eq(written)
                            case Access.WRITE_1_TO_CLEAR:
                                flag = flags[register.name, field.name]
                                keep = flag & ~written
                                m.d.sync += flag.eq(keep | self._value(register, field))
                            case _:
                                pass


def _legal(register: Register, data):
    """Return whether `data` may be written: other bits 0, each field in its range."""
    legal = Const(1)
    covered = 0
    for field in register.fields:
        if not field.access.writable:
            continue
        covered |= WORD_MASK if field.signed else field.mask
        low, high = field.bounds
        written = data[field.lsb : field.lsb + field.width]
        value = written.as_signed() if field.signed else written
        if field.signed:
            legal &= data.as_signed() == value
        if low > field.format.low:
            legal &= value >= low
        if high < field.format.high:
            legal &= value <= high
    return legal & ((data & (WORD_MASK & ~covered)) == 0)
