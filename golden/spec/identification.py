"""The registers by which a host knows what it talks to, at the beginning of each map."""

from .registers import Access, Field, Register


def constant(name: str, lsb: int, width: int, value: int, text: str) -> Field:
    """Return a field that is fixed when the hardware is generated."""
    return Field(name=name, lsb=lsb, width=width, access=Access.CONSTANT, reset=value, text=text)


def identification(magic: int, what: str, version: tuple[int, int]) -> tuple[Register, Register]:
    """Return the first two registers.

    Parameters
    ----------
    magic : int
        Four letters.
    what : str
        What they say that this is.
    version : (int, int)
        Major and minor.
    """
    letters = magic.to_bytes(4, "big").decode()
    major, minor = version
    return (
        Register(
            name="magic",
            offset=0x000,
            fields=(constant("magic", 0, 32, magic, f'the letters "{letters}"'),),
            text=f"Says that this is {what}.",
        ),
        Register(
            name="version",
            offset=0x004,
            fields=(
                constant("minor", 0, 16, minor, "rises when something was added"),
                constant("major", 16, 16, major, "rises when programs must change"),
            ),
            text="Version of this register map.",
        ),
    )
