"""Which clock a design is built for: the highest that placement and routing meet."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Attempt", "ClosingError", "highest_closing"]


class ClosingError(ValueError):
    """No frequency closes; the message says what was reached."""


@dataclass(frozen=True)
class Attempt:
    """One placement: the clock that was wanted, the seed, and the clock that was reached."""

    clock_hz: int
    seed: int
    reached_hz: float

    @property
    def closes(self) -> bool:
        """Whether the design meets the clock it was built for."""
        return self.reached_hz >= self.clock_hz

    @property
    def slack_ns(self) -> float:
        """Time left of a cycle on the longest path, in ns; negative if it is not met."""
        return 1e9 / self.clock_hz - 1e9 / self.reached_hz


def highest_closing(
    clocks: Sequence[int],
    seeds: Iterable[int],
    first: int,
    route: Callable[[int, int], float],
) -> tuple[Attempt, list[Attempt]]:
    """Return the attempt at the highest clock that closes, and all attempts.

    The search begins at the highest of `clocks` up to `first`. From a clock that closes it goes up
    to the highest that was reached there, as long as that closes too; from one that does not it
    goes down likewise. A clock is given up when no seed meets it, so each costs as many placements
    as there are seeds at most, and the search ends.

    Parameters
    ----------
    clocks : sequence of int
        In Hz, ascending.
    seeds : iterable of int
    first : int
        In Hz.
    route : callable
        Place and route for a clock with a seed; returns the clock reached, in Hz.

    Raises
    ------
    ClosingError
        None closes.
    """
    order = list(seeds)
    attempts: list[Attempt] = []
    closed: Attempt | None = None
    given_up: set[int] = set()
    clock: int | None = max((c for c in clocks if c <= first), default=min(clocks))
    while clock is not None:
        here = []
        for seed in order:
            here.append(Attempt(clock, seed, route(clock, seed)))
            if here[-1].closes:
                break
        attempts += here
        best = max(here, key=lambda attempt: attempt.reached_hz)
        if best.closes:
            closed = best
            # once a clock was given up, one that closes below it ends the search
            wanted = [] if given_up else [c for c in clocks if c > clock]
        else:
            given_up.add(clock)
            floor = closed.clock_hz if closed else 0
            wanted = [c for c in clocks if floor < c < clock]
        clock = max((c for c in wanted if c <= best.reached_hz), default=None)
    if closed is None:
        best_hz = max(attempt.reached_hz for attempt in attempts)
        raise ClosingError(
            f"Clock after routing must be at least {min(clocks) / 1e6:g} MHz, "
            f"not {best_hz / 1e6:.2f} MHz with seeds {', '.join(map(str, order))}"
        )
    return closed, attempts
