"""Blocks of the engine in Amaranth's simulator, right and broken on purpose."""

import inspect
import sys
import types

import pytest
from amaranth.hdl import Value
from amaranth.sim import Simulator

WATCHDOG_CYCLES = 100_000


def simulate(component, testbench, *background):
    """Run testbenches on a component until the first of them ends, which sees a cycle last."""

    async def watch(ctx):
        for _ in range(WATCHDOG_CYCLES):
            await ctx.tick()
        pytest.fail("the block hangs")

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    for beside in (*background, watch):
        simulator.add_testbench(beside, background=True)
    simulator.add_testbench(testbench)
    simulator.run()


def trace(component, rows, outputs, *, more=0):
    """Set the inputs of a row in each cycle; return what the outputs are meanwhile.

    Parameters
    ----------
    component : wiring.Component
    rows : sequence of dict
        Integers of inputs by path such as ``"step.row"``, structures as their bits; what is not
        named stays.
    outputs : sequence of str or Value
    more : int
        Cycles behind the last row.

    Returns
    -------
    list of tuple of int
        For each cycle. What a register shows of row k with latency L is in entry k + L.
    """
    found = []
    inputs = {name: _at(component, name) for name in {name for row in rows for name in row}}
    values = [_at(component, name) if isinstance(name, str) else name for name in outputs]

    async def testbench(ctx):
        before = {}
        for row in (*rows, *({} for _ in range(more))):
            for name, value in row.items():
                if before.get(name) != value:
                    ctx.set(inputs[name], value)
                    before[name] = value
            found.append(tuple(ctx.get(value) for value in values))
            await ctx.tick()

    simulate(component, testbench)
    return found


def descriptor_bits(operation):
    """Return an operation as the bits of a `Descriptor`."""
    return sum(word << (32 * place) for place, word in enumerate(operation.encode()))


def _at(component, path):
    for name in path.split("."):
        component = getattr(component, name)
    return Value.cast(component)


def broken(block, right, wrong):
    """Return the class of a block with one expression of its module replaced."""
    module = sys.modules[block.__module__]
    source = inspect.getsource(module)
    if source.count(right) != 1:
        # no assertion: `sees` would take it for a failed check
        raise LookupError(f"{right!r} must be there once, not {source.count(right)} times")
    name = f"{module.__name__}_broken"
    twin = types.ModuleType(name)
    twin.__package__ = module.__package__
    exec(compile(source.replace(right, wrong), name, "exec"), twin.__dict__)
    return getattr(twin, block.__name__)


def sees(check, block, right, wrong):
    """Tell whether a check, a function of the block's class, fails for the broken block."""
    try:
        check(broken(block, right, wrong))
    except (AssertionError, pytest.fail.Exception):
        return True
    return False
