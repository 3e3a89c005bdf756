"""A register bank built from a register map."""

from functools import reduce
from operator import or_

from amaranth.hdl import Const, Module, Mux, Shape, Signal
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

ALIGNMENT = WORD_BYTES.bit_length() - 1
"""Low bits of a byte address that a word address lacks."""


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
                "address": Out(address_width - ALIGNMENT),
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
            if field.is_fixed:
                return None
            member = Out(_shape(field), init=field.reset)
        case Access.PULSE | Access.WRITE_ONLY:
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

    Reads of registers in the bank are done in their second cycle; those in a memory are handed on
    in it.
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
        For each field. Read-write: Out, the value; none if it can have but one. Write 1 to act:
        Out, high for one cycle, that of the write. Write only: Out, the value, in the cycle of the
        write. Read only: In, the value. Write 1 to clear: In, sets the flag when high, whatever is
        written in that cycle. Arrays of these for a register in arrays.
    <register>_read : Out(1)
        For registers with `latch`: high in the cycle in which the register is read.
    <register>_written : Out(1)
        For registers with a field that is write only: high in the cycle of the write.
    <register>_flags : Out(32)
        For registers with flags to clear: the word of the flags.
    working : In(1)
        Writes to registers with `idle_only` are refused; if there are any.
    """

    def __init__(self, register_map: RegisterMap):
        self._map = register_map
        members = {"port": In(RegisterPort(register_map.address_width))}
        if any(register.memory for register in register_map.registers):
            members["memory"] = Out(MemoryPort(register_map.address_width))
        if any(register.idle_only for register in register_map.registers):
            members["working"] = In(1)
        for register in register_map.registers:
            if register.latch:
                members[f"{register.name}_read"] = Out(1)
            if _has(register, Access.WRITE_ONLY):
                members[f"{register.name}_written"] = Out(1)
            if _has(register, Access.WRITE_1_TO_CLEAR):
                members[f"{register.name}_flags"] = Out(WORD_BITS)
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
            word = getattr(self, f"{register.name}_flags")
            m.d.comb += word[field.lsb : field.lsb + field.width].eq(flag)

        self._elaborate_reads(m, flags)
        m.d.comb += port.write_error.eq(1)
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

    def _elaborate_reads(self, m, flags):
        """Decode and choose within arrays in one cycle, put the word together in the next."""
        port = self.port
        looked = Signal()
        unknown = Signal(init=1)
        done = Signal()
        begin = Signal()
        in_memory = Signal()
        m.d.comb += [
            begin.eq(port.read & ~port.read_done),
            done.eq(1),
            port.read_done.eq(looked & done),
            port.read_error.eq(unknown),
        ]
        m.d.sync += [looked.eq(begin), unknown.eq(1), in_memory.eq(0)]
        words = []
        for register in self._map.registers:
            selected = in_memory
            if not register.memory:
                selected = Signal(name=f"{register.name}_read_selected")
                m.d.sync += selected.eq(0)
                words.append((selected, self._word(m, register, flags)))
            if register.latch:
                m.d.comb += getattr(self, f"{register.name}_read").eq(selected)
            with m.Switch(port.read_address):
                with m.Case(*(address // WORD_BYTES for address in register.addresses)):
                    m.d.sync += [selected.eq(begin), unknown.eq(0)]
        if any(register.memory for register in self._map.registers):
            words.append((in_memory, self.memory.data))
            m.d.comb += [
                self.memory.read.eq(in_memory),
                self.memory.address.eq(port.read_address),
                done.eq(~in_memory | self.memory.done),
            ]
        gated = [Mux(selected, word, 0) for selected, word in words]
        m.d.comb += port.read_data.eq(reduce(or_, gated))

    def _word(self, m, register, flags):
        """Return the word of a register; of an array, that which the address of before chose."""
        word = Signal(WORD_BITS, name=f"{register.name}_word")
        for field in register.fields:
            match field.access:
                case Access.PULSE | Access.WRITE_ONLY:
                    continue
                case Access.CONSTANT:
                    value = field.reset
                case Access.READ_WRITE if field.is_fixed:
                    value = field.reset
                case Access.WRITE_1_TO_CLEAR:
                    value = flags[register.name, field.name]
                case _:
                    value = self._chosen(m, register, field)
            if field.signed:
                # extended by the assignment: a signed field fills the word
                m.d.comb += word.eq(value)
            else:
                m.d.comb += word[field.lsb : field.lsb + field.width].eq(value)
        return word

    def _chosen(self, m, register, field):
        """Return the value of a field; in an array, of the element that was addressed before."""
        if not register.arrays:
            return self._value(register, field)
        chosen = Signal(_shape(field), name=f"{register.name}_{field.name}_chosen")
        # address bits that are the same for all elements choose nothing
        first, last = min(register.addresses), max(register.addresses)
        low = min(array.stride for array in register.arrays).bit_length() - 1
        high = max((first ^ last).bit_length(), low)
        place = self.port.read_address[low - ALIGNMENT : high - ALIGNMENT]
        with m.Switch(place):
            for address, index in register.addresses.items():
                with m.Case((address & ((1 << high) - 1)) >> low):
                    m.d.sync += chosen.eq(self._value(register, field, index))
        return chosen

    def _elaborate_write(self, m, register, flags):
        port, data = self.port, self.port.write_data
        legal = Signal(name=f"{register.name}_legal")
        m.d.comb += legal.eq(_legal(register, data))
        for address, index in register.addresses.items():
            # decoded in the cycle before the write, which is then short
            suffix = "".join(f"_{number}" for number in index)
            selected = Signal(name=f"{register.name}{suffix}_selected")
            m.d.sync += selected.eq((port.write_address == address // WORD_BYTES) & legal)
            if register.idle_only:
                selected = selected & ~self.working
            with m.If(selected):
                m.d.comb += port.write_error.eq(0)
            with m.If(selected & port.write):
                if _has(register, Access.WRITE_ONLY):
                    m.d.comb += getattr(self, f"{register.name}_written").eq(1)
                for field in register.fields:
                    written = data[field.lsb : field.lsb + field.width]
                    match field.access:
                        case Access.READ_WRITE if not field.is_fixed:
                            m.d.sync += self._value(register, field, index).eq(written)
                        case Access.PULSE | Access.WRITE_ONLY:
                            m.d.comb += self._value(register, field, index).eq(written)
                        case Access.WRITE_1_TO_CLEAR:
                            flag = flags[register.name, field.name]
                            keep = flag & ~written
                            m.d.sync += flag.eq(keep | self._value(register, field))
                        case _:
                            pass


def _has(register: Register, access: Access) -> bool:
    return any(field.access is access for field in register.fields)


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
        if field.choices:
            legal &= reduce(or_, (value == choice for choice in field.choices))
            continue
        if low > field.format.low:
            legal &= value >= low
        if high < field.format.high:
            legal &= value <= high
    return legal & ((data & (WORD_MASK & ~covered)) == 0)
