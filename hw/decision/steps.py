"""What pipelines are joined with."""

from amaranth.hdl import Module, Signal, ValueLike

__all__ = ["delayed", "of_exit"]


def delayed(
    m: Module, value: ValueLike, n_cycles: int, name: str, *, reset_less: bool = True
) -> ValueLike:
    """Return `value` as it was some cycles ago, of the same shape."""
    for cycle in range(n_cycles):
        register = Signal.like(value, name=f"{name}_{cycle}", reset_less=reset_less)
        m.d.sync += register.eq(value)
        value = register
    return value


def of_exit(m: Module, ports, exit_index: ValueLike) -> Signal:
    """Return the one of an array of ports, one for each exit, that belongs to an exit."""
    chosen = Signal.like(ports[0])
    m.d.comb += chosen.eq(ports[0])
    if len(ports) > 1:
        with m.Switch(exit_index):
            for number in range(1, len(ports)):
                with m.Case(number):
                    m.d.comb += chosen.eq(ports[number])
    return chosen
