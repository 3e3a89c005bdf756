"""The streaming form equals the definition, for any exponential: proved by z3."""

from typing import Any

import z3

__all__ = ["definition_holds_up_to", "step_holds"]


def _step(f: Any, logit: Any, maximum: Any, total: Any) -> tuple[Any, Any]:
    """One logit of the streaming form: the smaller of logit and maximum is summed."""
    larger = logit > maximum
    return z3.If(larger, logit, maximum), total + f(z3.If(larger, maximum, logit))


def _is_valid(claim: Any) -> bool:
    solver = z3.Solver()
    solver.add(z3.Not(claim))
    return bool(solver.check() == z3.unsat)


def step_holds() -> bool:
    """Return whether a step keeps ``total + f(maximum)`` equal to the sum of f over all logits.

    With it, by induction, the total is the sum over all logits but one maximum, for every N.
    """
    f = z3.Function("f", z3.IntSort(), z3.IntSort())
    logit, maximum, total, everything = z3.Ints("logit maximum total everything")
    new_maximum, new_total = _step(f, logit, maximum, total)
    return _is_valid(
        z3.Implies(
            total + f(maximum) == everything,
            new_total + f(new_maximum) == everything + f(logit),
        )
    )


def definition_holds_up_to(n: int) -> bool:
    """Return whether the streaming form equals the definition for vectors of 2 to `n` logits.

    Maximum, index of the first maximum, and sum over all others, written out from the vector.
    """
    for length in range(2, n + 1):
        f = z3.Function("f", z3.IntSort(), z3.IntSort())
        logits = z3.Ints(" ".join(f"z{i}" for i in range(length)))
        maximum, total, label = logits[0], z3.IntVal(0), z3.IntVal(0)
        for index, logit in enumerate(logits[1:], 1):
            label = z3.If(logit > maximum, index, label)
            maximum, total = _step(f, logit, maximum, total)
        for winner in range(length):
            first_maximum = z3.And(
                *(logits[winner] > logits[i] for i in range(winner)),
                *(logits[winner] >= logits[i] for i in range(winner + 1, length)),
            )
            others = z3.Sum([f(logits[i]) for i in range(length) if i != winner])
            equal = z3.And(label == winner, maximum == logits[winner], total == others)
            if not _is_valid(z3.Implies(first_maximum, equal)):
                return False
    return True
