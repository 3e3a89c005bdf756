"""Comparison without a carry chain."""

from amaranth.hdl import Const, Value

__all__ = ["is_above"]


def is_above(a: Value, b: Value) -> Value:
    """Return ``a > b`` of two unsigned values of one width, as logic.

    A carry chain subtracts by adding the complement. Where the chain takes its operands as they
    are (iCE40), an operand that is stored uncomplemented costs a LUT a bit more; logic does not
    care. Where the complement is at hand, ``>`` is the smaller.
    """
    above = Const(0)
    for bit_a, bit_b in zip(a, b, strict=True):
        above = (bit_a & ~bit_b) | (~(bit_a ^ bit_b) & above)
    return above
