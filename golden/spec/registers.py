"""Register maps as data: what a bank of 32-bit registers holds, and where.

One map serves all: the hardware bank is built from it, the host addresses by it, and the C header
and the documentation are written from it (`register_text`).

Rules that hold for every map, so that no access is half done: an access is one aligned word with
all byte strobes; a write puts 0 into bits without a field and a legal value into each field. Any
other access, or one to an address without a register, or a write to a register without a writable
field, answers with an error and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import product

from .checks import require_int
from .numbers import IntegerFormat

WORD_BITS = 32
LONG_WORD_BITS = 2 * WORD_BITS
"""Bits of the longest word of a stream; a register has `WORD_BITS`."""
WORD_BYTES = WORD_BITS // 8
WORD_MASK = (1 << WORD_BITS) - 1


class Access(Enum):
    """What a host may do with a field."""

    CONSTANT = "constant"
    """Reads a value fixed when the hardware is generated."""
    READ_ONLY = "read only"
    """Reads a value that the hardware sets."""
    READ_WRITE = "read-write"
    """Reads what was written last."""
    WRITE_1_TO_CLEAR = "write 1 to clear"
    """A flag that the hardware sets and a written 1 clears."""
    PULSE = "write 1 to act"
    """A written 1 acts once; reads 0."""
    WRITE_ONLY = "write only"
    """A written value goes to the hardware, each time; reads 0."""

    @property
    def writable(self) -> bool:
        """Whether a write may change something."""
        return self not in (Access.CONSTANT, Access.READ_ONLY)


@dataclass(frozen=True, kw_only=True)
class Field:
    """Some bits of a word.

    Parameters
    ----------
    name : str
    lsb : int
        Lowest bit.
    width : int
        Bits. A signed field of a register stands alone in it, at bit 0, and is read and written
        with its sign extended to the whole word.
    access : Access
    signed : bool
    reset : int
        Value after reset; that of a constant.
    low, high : int, optional
        Smallest and largest value that may be written; what the bits can hold unless given.
    choices : tuple of int, optional
        The only values that may be written, in ascending order, in place of `low` and `high`.
    text : str
        What it means, a phrase for the documents; empty if the register's text says it all.
    """

    name: str
    lsb: int
    width: int
    access: Access = Access.READ_ONLY
    signed: bool = False
    reset: int = 0
    low: int | None = None
    high: int | None = None
    choices: tuple[int, ...] = ()
    text: str

    def __post_init__(self) -> None:
        require_int("Lowest bit", self.lsb, 0, LONG_WORD_BITS - 1)
        require_int("Field width", self.width, 1, LONG_WORD_BITS - self.lsb)
        low, high = self.bounds
        require_int("Reset value", self.reset, low, high)

    @property
    def format(self) -> IntegerFormat:
        """The integer that the bits hold."""
        return IntegerFormat(self.width, signed=self.signed)

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest legal value."""
        if self.choices:
            return self.choices[0], self.choices[-1]
        low = self.format.low if self.low is None else self.low
        high = self.format.high if self.high is None else self.high
        return low, high

    @property
    def is_fixed(self) -> bool:
        """Whether there is but one legal value: it is written, but never changes."""
        low, high = self.bounds
        return low == high

    def accepts(self, value: int) -> bool:
        """Return whether `value` is legal."""
        low, high = self.bounds
        return low <= value <= high and (not self.choices or value in self.choices)

    @property
    def mask(self) -> int:
        """The field's bits in the word."""
        return ((1 << self.width) - 1) << self.lsb

    def insert(self, value: int) -> int:
        """Return a word that is 0 but for this field.

        Raises
        ------
        ValueError
            If the bits cannot hold `value`.
        """
        name = f"Field {self.name}"
        require_int(name, value, self.format.low, self.format.high)
        return (value << self.lsb) & self.mask

    def extract(self, word: int) -> int:
        """Return the field's value in `word`."""
        value = (word & self.mask) >> self.lsb
        return value - (1 << self.width) if value > self.format.high else value


@dataclass(frozen=True)
class Array:
    """A register that is there `count` times, `stride` bytes apart, indexed by `index`."""

    index: str
    count: int
    stride: int


@dataclass(frozen=True, kw_only=True)
class Register:
    """A word with fields, or an array of such words.

    Parameters
    ----------
    name : str
    offset : int
        Byte address of the (first) word.
    fields : tuple of Field
    arrays : tuple of Array
        Empty for a single word; the outer array first.
    memory : bool
        The words lie in a memory beside the bank; they have one read-only field.
    latch : bool
        A read is told to the hardware, which does something with it.
    idle_only : bool
        A write is an error while the unit works.
    text : str
        What it is for.
    """

    name: str
    offset: int
    fields: tuple[Field, ...]
    arrays: tuple[Array, ...] = ()
    memory: bool = False
    latch: bool = False
    idle_only: bool = False
    text: str

    def __post_init__(self) -> None:
        if self.offset % WORD_BYTES or any(array.stride % WORD_BYTES for array in self.arrays):
            raise ValueError(
                f"Address of {self.name} must be a multiple of {WORD_BYTES}, not {self.offset!r}"
            )
        used = 0
        for field in self.fields:
            require_int(f"End of field {field.name}", field.lsb + field.width, 1, WORD_BITS)
            if used & field.mask:
                raise ValueError(f"Fields of {self.name} must be apart, not {self.fields!r}")
            used |= field.mask
        if self._signed and (len(self.fields) > 1 or self.fields[0].lsb):
            raise ValueError(f"Signed field of {self.name} must stand alone, not {self.fields!r}")

        plain = (Access.CONSTANT, Access.READ_ONLY, Access.READ_WRITE)
        if self.arrays and any(field.access not in plain for field in self.fields):
            raise ValueError(
                f"Fields of array {self.name} must be read only or read-write, not {self.fields!r}"
            )
        if self.memory and [field.access for field in self.fields] != [Access.READ_ONLY]:
            raise ValueError(
                f"Field of {self.name} in memory must be one, read only, not {self.fields!r}"
            )

    @property
    def _signed(self) -> bool:
        return any(field.signed for field in self.fields)

    @property
    def writable(self) -> bool:
        """Whether a write may be legal."""
        return any(field.access.writable for field in self.fields)

    @cached_property
    def addresses(self) -> dict[int, tuple[int, ...]]:
        """Index, one number for each array, by byte address."""
        indexes = product(*(range(array.count) for array in self.arrays))
        return {self.address(*index): index for index in indexes}

    def address(self, *index: int) -> int:
        """Return the byte address, given one index for each array.

        Raises
        ------
        TypeError, ValueError
            The number of indexes is wrong, or one is out of range.
        """
        if len(index) != len(self.arrays):
            raise TypeError(
                f"Indexes of {self.name} must be {len(self.arrays)} numbers, not {index!r}"
            )
        address = self.offset
        for array, number in zip(self.arrays, index, strict=True):
            name = f"{array.index.capitalize()} of {self.name}"
            address += array.stride * require_int(name, number, 0, array.count - 1)
        return address

    def field(self, name: str) -> Field:
        """Return the field of that name; KeyError if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def pack(self, values: Mapping[str, int]) -> int:
        """Return the word of field values; fields not given are 0."""
        word = 0
        for name, value in values.items():
            field = self.field(name)
            inserted = field.insert(value)
            word |= value & WORD_MASK if field.signed else inserted
        return word

    def unpack(self, word: int) -> dict[str, int]:
        """Return the field values of a word that was read."""
        return {field.name: field.extract(word) for field in self.fields}

    @property
    def reset(self) -> int:
        """The word after reset."""
        return self.pack({field.name: field.reset for field in self.fields})

    def written(self, kept: int, word: int) -> int:
        """Return what is kept once `word`, which is legal, is written over what was."""
        for field in self.fields:
            match field.access:
                case Access.READ_WRITE:
                    # a signed field is extended over the whole word
                    mask = WORD_MASK if field.signed else field.mask
                    kept = (kept & ~mask) | (word & mask)
                case Access.WRITE_1_TO_CLEAR:
                    kept &= ~(word & field.mask)
                case _:
                    pass
        return kept

    def accepts(self, word: int) -> bool:
        """Return whether writing `word` is legal: it has the form and range of the fields."""
        writable = [field for field in self.fields if field.access.writable]
        values = {field.name: field.extract(word) for field in writable}
        legal = all(field.accepts(values[field.name]) for field in writable)
        return self.writable and legal and word == self.pack(values)


@dataclass(frozen=True, kw_only=True)
class RegisterMap:
    """The registers of one unit.

    Parameters
    ----------
    name : str
        Of the unit, as in ``decision``.
    address_width : int
        Bits of a byte address.
    registers : tuple of Register

    Raises
    ------
    ValueError
        Two registers share an address, or one lies outside the address range.
    """

    name: str
    address_width: int
    registers: tuple[Register, ...]

    def __post_init__(self) -> None:
        taken: dict[int, str] = {}
        for register in self.registers:
            for address in register.addresses:
                if address in taken or not 0 <= address < 1 << self.address_width:
                    raise ValueError(
                        f"Address of {register.name} must be free and below "
                        f"{1 << self.address_width:#x}, not {address:#x}"
                    )
                taken[address] = register.name

    @cached_property
    def _by_address(self) -> dict[int, tuple[Register, tuple[int, ...]]]:
        return {
            address: (register, index)
            for register in self.registers
            for address, index in register.addresses.items()
        }

    def __getitem__(self, name: str) -> Register:
        """Return the register of that name; KeyError if there is none."""
        for register in self.registers:
            if register.name == name:
                return register
        raise KeyError(name)

    def address(self, name: str, *index: int) -> int:
        """Return the byte address of a register, as `Register.address`."""
        return self[name].address(*index)

    def find(self, address: int) -> tuple[Register, tuple[int, ...]] | None:
        """Return register and index at a byte address; None if there is none."""
        return self._by_address.get(address)
