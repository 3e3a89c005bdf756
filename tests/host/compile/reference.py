"""What the layers and exits of a network must give, from the slow forward pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offramp.golden.decision import log_odds_score
from offramp.golden.engine import EngineResults, read_tensor, run_program
from offramp.golden.network import IntegerNetwork
from offramp.golden.parameters import LayerParameters
from offramp.golden.reference import reference_layer
from offramp.golden.spec.layers import CHAIN_INPUT
from offramp.host.compile import Compilation
from offramp.host.pipeline import unit_config


def layer_outputs(
    network: IntegerNetwork, images: NDArray[np.uint8]
) -> dict[str, NDArray[np.int64]]:
    """Return the output [n, height, width, channels] of each layer."""
    outputs = {}
    chain_input = images.astype(np.int64)
    for segment in network.topology.segments:
        for layers in (segment.backbone, segment.branch):
            chain = {CHAIN_INPUT: chain_input}
            latest = chain_input
            for layer in layers:
                operands = [latest if name is None else chain[name] for name in layer.sources]
                values = network.parameters.get(layer.name, LayerParameters())
                latest = chain[layer.name] = reference_layer(layer, values, *operands)
                outputs[layer.name] = latest
            if layers is segment.backbone:
                chain_input = latest
    return outputs


def exits_of(network: IntegerNetwork, outputs: dict[str, NDArray[np.int64]]) -> EngineResults:
    """Return how images with these layer outputs leave."""
    unit = unit_config(network)
    logits = [
        outputs[segment.branch[-1].name][:, 0, 0].astype(np.int8)
        for segment in network.topology.segments
    ]
    scores = np.array([log_odds_score(unit, vectors) for vectors in logits])
    labels = np.array([vectors.argmax(axis=1) for vectors in logits])
    taken = scores >= np.array([*(network.thresholds or ()), unit.threshold_low - 1])[:, None]
    index = taken.argmax(axis=0)
    images = np.arange(len(index))
    return EngineResults(label=labels[index, images], exit=index, score=scores[index, images])


@dataclass(frozen=True)
class Comparison:
    """Names of the tensors that were compared and of those that differ; the results."""

    compared: set[str]
    different: list[str]
    results: EngineResults


def run_and_compare(
    compilation: Compilation,
    images: NDArray[np.uint8],
    outputs: dict[str, NDArray[np.int64]],
    *,
    seed: int = 0,
    always: bool = False,
) -> Comparison:
    """Run a program in memories full of garbage; compare what each operation writes."""
    rng = np.random.default_rng(seed)
    compared: set[str] = set()
    different: list[str] = []

    def watch(number: int, left: NDArray[np.int64], memories: NDArray[np.uint8]) -> None:
        layout = compilation.notes[number].writes
        if layout.name not in outputs:  # a copy
            return
        compared.add(layout.name)
        if not np.array_equal(read_tensor(memories, layout), outputs[layout.name][left]):
            different.append(layout.name)

    results = run_program(
        compilation.program,
        images,
        buffer=seed % 2,
        always=always,
        memory=rng.integers(0, 256, compilation.program.config.activation_bytes, np.uint8),
        watch=watch,
    )
    return Comparison(compared, different, results)


def differing_results(first: EngineResults, second: EngineResults) -> int:
    """Return in how many images label, exit or score differ."""
    return int(
        np.count_nonzero(
            (first.label != second.label)
            | (first.exit != second.exit)
            | (first.score != second.score)
        )
    )
