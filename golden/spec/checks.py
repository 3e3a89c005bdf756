"""One form for every complaint about a parameter: `<Thing> must be <rule>, not <value>`."""

from collections.abc import Iterable


def require_int(thing: str, value: object, low: int, high: int) -> int:
    """Return `value` if it is an int in `low..high`.

    Raises
    ------
    TypeError
        If `value` is no int (a bool is none).
    ValueError
        If it is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{thing} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{thing} must be in {low}..{high}, not {value!r}")
    return value


def require_choice(thing: str, value: str, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`; ValueError otherwise."""
    allowed = list(choices)
    if value not in allowed:
        raise ValueError(f"{thing} must be one of {', '.join(allowed)}, not {value!r}")
    return value
