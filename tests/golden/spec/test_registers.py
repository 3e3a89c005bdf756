import re

import pytest

from offramp.golden.spec.registers import Access, Array, Field, Register, RegisterMap


def field(name="value", lsb=0, width=8, **more):
    return Field(name=name, lsb=lsb, width=width, text="a test", **more)


def register(*fields, name="data", offset=0, **more):
    return Register(name=name, offset=offset, fields=fields, text="A test.", **more)


def test_word_of_fields_comes_back():
    both = register(field("low", 0, 4), field("high", 8, 24))
    values = {"low": 9, "high": 0xABCDEF}
    assert both.pack(values) == 0xABCDEF09
    assert both.unpack(0xABCDEF09) == values


@pytest.mark.parametrize("value", [-128, -1, 0, 127])
def test_signed_field_is_extended_to_the_word(value):
    signed = register(field(signed=True, access=Access.READ_WRITE))
    assert signed.pack({"value": value}) == value & 0xFFFFFFFF
    assert signed.unpack(value & 0xFFFFFFFF) == {"value": value}
    assert signed.accepts(value & 0xFFFFFFFF)


def test_write_is_legal_exactly_in_form_and_range():
    signed = register(field(signed=True, access=Access.READ_WRITE, low=-127))
    legal = {word & 0xFFFFFFFF for word in range(-127, 128)}
    words = [*range(512), *range(0xFFFFFE00, 0x100000000), 0x80000000, 0x7FFFFFFF]
    assert {word for word in words if signed.accepts(word)} == legal

    mixed = register(
        field("set", 4, 2, access=Access.READ_WRITE), field("seen", 8, 4), name="mixed"
    )
    assert [word for word in range(0x1000) if mixed.accepts(word)] == [0, 0x10, 0x20, 0x30]
    assert not register(field()).accepts(0)


def test_arrays_have_an_address_for_each_index():
    grid = register(field(), offset=0x40, arrays=(Array("row", 2, 0x10), Array("column", 3, 4)))
    assert list(grid.addresses) == [0x40, 0x44, 0x48, 0x50, 0x54, 0x58]
    assert grid.address(1, 2) == 0x58
    registers = RegisterMap(name="test", address_width=8, registers=(grid,))
    assert registers.find(0x54) == (grid, (1, 1))
    assert registers.find(0x4C) is None
    assert registers.address("data", 0, 1) == 0x44


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: field(lsb=64), "Lowest bit must be in 0..63, not 64"),
        (lambda: register(field(lsb=32)), "End of field value must be in 1..32, not 40"),
        (lambda: field(lsb=62, width=3), "Field width must be in 1..2, not 3"),
        (lambda: field(reset=256), "Reset value must be in 0..255, not 256"),
        (
            lambda: register(field(), offset=2),
            "Address of data must be a multiple of 4, not 2",
        ),
        (
            lambda: register(field("a"), field("b", 7)),
            "Fields of data must be apart, not (Field(",
        ),
        (
            lambda: register(field(lsb=1, signed=True)),
            "Signed field of data must stand alone, not (Field(",
        ),
        (
            lambda: register(field(access=Access.PULSE), arrays=(Array("row", 2, 4),)),
            "Fields of array data must be read only or read-write, not (Field(",
        ),
        (
            lambda: register(field(access=Access.READ_WRITE), memory=True),
            "Field of data in memory must be one, read only, not (Field(",
        ),
        (
            lambda: RegisterMap(name="test", address_width=2, registers=(register(offset=4),)),
            "Address of data must be free and below 0x4, not 0x4",
        ),
        (
            lambda: RegisterMap(name="test", address_width=8, registers=(register(),) * 2),
            "Address of data must be free and below 0x100, not 0x0",
        ),
        (
            lambda: register(arrays=(Array("row", 2, 4),)).address(2),
            "Row of data must be in 0..1, not 2",
        ),
        (lambda: field().insert(-1), "Field value must be in 0..255, not -1"),
    ],
)
def test_illegal_maps_and_values_fail_with_one_line(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_wrong_number_of_indexes_fails():
    with pytest.raises(TypeError, match=re.escape("Indexes of data must be 0 numbers, not (1,)")):
        register().address(1)
