"""How fast the integer forward pass is, beside ONNX Runtime on the same network and images."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..golden.forward import FLOAT32_EXACT
from ..golden.network import IntegerNetwork
from ..golden.onnx_export import INPUT, output_name
from ..golden.parameters import product_bound
from .onnx_check import BATCH_SIZE, open_session


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds for all images of the fastest of some rounds.

    Attributes
    ----------
    wall, processor : float
        By the clock, and of this process's processor time: on one thread of a quiet machine both
        are the same.
    """

    wall: float
    processor: float


@dataclass(frozen=True, kw_only=True)
class GoldenSpeed:
    """What `measure_golden_speed` found for one network.

    Attributes
    ----------
    images : int
    largest_bound : int
        Of all layers and output channels, the largest ``sum |w| * max |a|``.
    layers_in_float64 : int
        Layers whose bound is not below ``2**24``; they are computed in float64.
    golden, runtime : Timing
        One thread each, in turn, in the same run.
    logits, logits_that_differ : int
        Compared over all exits.
    """

    images: int
    largest_bound: int
    layers_in_float64: int
    golden: Timing
    runtime: Timing
    logits: int
    logits_that_differ: int

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "images": self.images,
            "golden_images_per_second": self.images / self.golden.wall,
            "golden_images_per_processor_second": self.images / self.golden.processor,
            "runtime_images_per_second": self.images / self.runtime.wall,
            "runtime_images_per_processor_second": self.images / self.runtime.processor,
            "ratio": self.runtime.wall / self.golden.wall,
            "ratio_of_processor_time": self.runtime.processor / self.golden.processor,
            "largest_bound_of_a_partial_sum": self.largest_bound,
            "layers_in_float64": self.layers_in_float64,
            "logits_compared": self.logits,
            "logits_that_differ": self.logits_that_differ,
        }


def measure_golden_speed(
    network: IntegerNetwork,
    images: npt.NDArray[np.uint8],
    *,
    rounds: int = 3,
    progress: Callable[[int], None] | None = None,
) -> GoldenSpeed:
    """Time all exits of `network` on `images`, uint8 [n, H, W, C], on one thread.

    Golden model and ONNX Runtime take turns batch by batch, so that both see the same machine.

    Raises
    ------
    ValueError
        If there are no images or rounds, or ONNX Runtime is not installed.
    """
    if not len(images) or rounds < 1:
        raise ValueError(
            f"Images and rounds must be at least one each, not {len(images)} and {rounds}"
        )
    session = open_session(network)
    names = [output_name(index) for index in range(network.n_exits)]
    bounds = [
        product_bound(layer, network.parameters[layer.name])
        for layer in network.topology.layers
        if layer.name in network.parameters
    ]
    golden, runtime = [], []
    differing = 0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for count in range(rounds + 1):
            watch, runtime_watch = _Stopwatch(), _Stopwatch()
            for start in range(0, len(images), BATCH_SIZE):
                batch = images[start : start + BATCH_SIZE]
                with watch:
                    expected = network.forward(batch)
                with runtime_watch:
                    found = session.run(names, {INPUT: batch})
                if count == 0:
                    differing += sum(
                        int(np.count_nonzero(a != b)) for a, b in zip(expected, found, strict=True)
                    )
            if count:  # the first warms the caches
                golden.append(watch.timing())
                runtime.append(runtime_watch.timing())
            if progress is not None:
                progress(count)
    finally:
        torch.set_num_threads(threads)
    return GoldenSpeed(
        images=len(images),
        largest_bound=max(bounds),
        layers_in_float64=sum(bound >= FLOAT32_EXACT for bound in bounds),
        golden=min(golden, key=lambda timing: timing.wall),
        runtime=min(runtime, key=lambda timing: timing.wall),
        logits=len(images) * network.n_exits * network.n_classes,
        logits_that_differ=differing,
    )


class _Stopwatch:
    """Wall and processor seconds that pass between entering and leaving, summed up."""

    def __init__(self) -> None:
        self._wall = self._processor = 0.0

    def __enter__(self) -> None:
        self._wall -= time.perf_counter()
        self._processor -= time.process_time()

    def __exit__(self, *error: object) -> None:
        self._wall += time.perf_counter()
        self._processor += time.process_time()

    def timing(self) -> Timing:
        """Return the sums."""
        return Timing(wall=self._wall, processor=self._processor)
