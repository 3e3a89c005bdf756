"""A register map as a C header and as a table for the documents."""

from collections.abc import Iterable
from textwrap import wrap

from .registers import WORD_BITS, Access, Field, Register, RegisterMap

LINE_WIDTH = 100
"""Of what is generated, where it can be broken."""


def c_definitions(register_map: RegisterMap, prefix: str) -> list[str]:
    """Return the preprocessor lines for the registers of a map, C99.

    For each register ``<PREFIX>_<REGISTER>_OFFSET``, a macro of the indexes if it is an array;
    for each field those of `field_definitions`.
    """
    lines = []
    for register in register_map.registers:
        name = f"{prefix}_{register.name}".upper()
        lines += ["", *c_comment(register.text), _offset_macro(register, name)]
        for field in register.fields:
            own = field.name != register.name
            lines += field_definitions(field, f"{name}_{field.name}".upper() if own else name)
    return lines


def c_comment(text: str) -> list[str]:
    """Return a C comment, broken into lines."""
    first, *more = wrap(text, LINE_WIDTH - len("/*  */"))
    return (
        [f"/* {first}", *(f"   {line}" for line in more[:-1]), f"   {more[-1]} */"]
        if more
        else [f"/* {first} */"]
    )


def _offset_macro(register: Register, name: str) -> str:
    if not register.arrays:
        return f"#define {name}_OFFSET {register.offset:#05x}u"
    arguments = ", ".join(array.index for array in register.arrays)
    terms = "".join(f" + {array.stride:#x}u * ({array.index})" for array in register.arrays)
    return f"#define {name}_OFFSET({arguments}) ({register.offset:#05x}u{terms})"


def field_definitions(field: Field, name: str) -> list[str]:
    """Return preprocessor lines for a field.

    ``_SHIFT`` and ``_MASK`` (in place), unless it fills the word; ``_VALUE`` of a constant;
    ``_MIN`` and ``_MAX`` of a signed field that can be written.
    """
    lines = c_comment(field.text) if field.text else []
    if field.width < WORD_BITS:
        lines += [
            f"#define {name}_SHIFT {field.lsb}",
            f"#define {name}_MASK {field.mask:#010x}u",
        ]
    if field.access is Access.CONSTANT:
        lines.append(f"#define {name}_VALUE {_value(field)}u")
    if field.signed and field.access.writable:
        low, high = field.bounds
        lines += [f"#define {name}_MIN ({low})", f"#define {name}_MAX {high}"]
    return lines


def _bits(field: Field) -> str:
    high = field.lsb + field.width - 1
    if field.width == 1:
        return str(high)
    return f"{high}:{field.lsb}{', signed' if field.signed else ''}"


def _value(field: Field) -> str:
    # what fills a word is rather a pattern than a number
    return f"{field.reset:#x}" if field.width == WORD_BITS and field.reset else str(field.reset)


def _address(register: Register) -> str:
    terms = "".join(f" + {array.stride:#x} * {array.index}" for array in register.arrays)
    return f"`{register.offset:#05x}{terms}`"


def register_markdown(register_map: RegisterMap) -> str:
    """Return the map as a Markdown table, one row for each field."""
    rows = []
    for register in register_map.registers:
        place = (_address(register), f"`{register.name}`")
        meaning = register.text
        if len(register.fields) == 1:
            meaning = " ".join(filter(None, (register.text, _phrase(register.fields[0]))))
        else:
            rows.append((*place, "", "", "", "", meaning))
            place = ("", "")
        for field in register.fields:
            rows.append(
                (
                    *place,
                    _bits(field),
                    f"`{field.name}`",
                    field.access.value,
                    _value(field),
                    _phrase(field) if len(register.fields) > 1 else meaning,
                )
            )
    head = ("address", "register", "bits", "field", "access", "reset", "meaning")
    return markdown_table(head, rows)


def field_markdown(fields: Iterable[Field]) -> str:
    """Return the fields of a stream's word as a Markdown table."""
    rows = [(_bits(field), f"`{field.name}`", _phrase(field)) for field in fields]
    return markdown_table(("bits", "field", "meaning"), rows)


def _phrase(field: Field) -> str:
    return f"{field.text[0].upper()}{field.text[1:]}." if field.text else ""


def markdown_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table, its lines ended."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
