"""A register map as a C header and as a table for the documents."""

from collections.abc import Iterable

from .registers import Access, Field, Register, RegisterMap


def c_definitions(register_map: RegisterMap, prefix: str) -> list[str]:
    """Return the preprocessor lines for the registers of a map, C99.

    For each register ``<PREFIX>_<REGISTER>_OFFSET``, a macro of the indexes if it is an array;
    for each field ``_SHIFT``, ``_MASK`` (in place) and, for constants, ``_VALUE``.
    """
    lines = []
    for register in register_map.registers:
        name = f"{prefix}_{register.name}".upper()
        lines += ["", f"/* {register.text} */", _offset_macro(register, name)]
        for field in register.fields:
            # a field that fills its register needs no name of its own
            field_name = f"{name}_{field.name}".upper()
            lines += field_definitions(field, field_name)
            if field.access is Access.CONSTANT:
                lines.append(f"#define {field_name}_VALUE {field.reset:#x}u")
    return lines


def _offset_macro(register: Register, name: str) -> str:
    if not register.arrays:
        return f"#define {name}_OFFSET {register.offset:#05x}u"
    arguments = ", ".join(array.index for array in register.arrays)
    terms = " + ".join(f"{array.stride:#x}u * ({array.index})" for array in register.arrays)
    return f"#define {name}_OFFSET({arguments}) ({register.offset:#05x}u + {terms})"


def field_definitions(field: Field, name: str) -> list[str]:
    """Return shift and mask of a field as preprocessor lines."""
    return [
        f"#define {name}_SHIFT {field.lsb}  /* {field.text} */",
        f"#define {name}_MASK {field.mask:#010x}u",
    ]


def _bits(field: Field) -> str:
    high = field.lsb + field.width - 1
    return str(high) if field.width == 1 else f"{high}:{field.lsb}"


def _value(field: Field) -> str:
    if field.width == 1 or field.signed:
        return str(field.reset)
    return f"{field.reset:#x}" if field.reset > 9 else str(field.reset)


def _address(register: Register) -> str:
    terms = "".join(f" + {array.stride:#x} * {array.index}" for array in register.arrays)
    return f"`{register.offset:#05x}{terms}`"


def register_markdown(register_map: RegisterMap) -> str:
    """Return the map as a Markdown table, one row for each field."""
    rows = []
    for register in register_map.registers:
        for position, field in enumerate(register.fields):
            first = position == 0
            rows.append(
                (
                    _address(register) if first else "",
                    f"`{register.name}`" if first else "",
                    _bits(field),
                    f"`{field.name}`",
                    field.access.value,
                    "signed" if field.signed else "",
                    # counters and the like start at 0, but they are not kept by the bank
                    _value(field),
                    f"{register.text} {_phrase(field)}" if first else _phrase(field),
                )
            )
    head = ("address", "register", "bits", "field", "access", "sign", "reset", "meaning")
    return markdown_table(head, rows)


def field_markdown(fields: Iterable[Field]) -> str:
    """Return the fields of a stream's word as a Markdown table."""
    rows = [
        (_bits(field), f"`{field.name}`", "signed" if field.signed else "", _phrase(field))
        for field in fields
    ]
    return markdown_table(("bits", "field", "sign", "meaning"), rows)


def _phrase(field: Field) -> str:
    return f"{field.text[0].upper()}{field.text[1:]}."


def markdown_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table, its lines ended."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
