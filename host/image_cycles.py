"""Cycles from one image to the next: what images a second are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..golden.network import IntegerNetwork
from ..golden.spec.engine import EngineConfig
from .compile import compile_network, predict_cycles

__all__ = ["ImageCycles", "exit_shares", "image_cycles"]


@dataclass(frozen=True, kw_only=True)
class ImageCycles:
    """Cycles from a result to the next, of a network on an engine.

    Attributes
    ----------
    at_exits : tuple of int
        If that image leaves at this exit; the last one is the whole network.
    without_exits : int
        Of the same network without early exits.
    image_words : int
        Words of an image, as it is loaded.
    """

    at_exits: tuple[int, ...]
    without_exits: int
    image_words: int

    def mean(self, shares: Sequence[float]) -> float:
        """Return the mean of images of which so many, of 1, leave at each exit."""
        return sum(share * n for share, n in zip(shares, self.at_exits, strict=True))


def image_cycles(network: IntegerNetwork, config: EngineConfig) -> ImageCycles:
    """Predict the cycles of a network on an engine, exactly.

    Raises
    ------
    CompileError
        The engine cannot run the network.
    """
    program = compile_network(network, config).program
    cycles = predict_cycles(program)
    alone = predict_cycles(compile_network(network, config, branches=False).program)
    return ImageCycles(
        at_exits=tuple(cycles.interval(index) for index in range(network.n_exits)),
        without_exits=alone.interval(network.n_exits - 1),
        image_words=program.image_words,
    )


def exit_shares(network: IntegerNetwork) -> tuple[float, ...] | None:
    """Return the shares measured on the test split and kept with a network, None if there are none.

    Networks of the zoo have them.
    """
    shares = network.metadata.get("metrics", {}).get("exit_shares")
    return None if shares is None else tuple(shares)
