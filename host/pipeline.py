"""Run a network segment by segment and stop where the device says so."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..golden.network import IntegerNetwork
from ..golden.spec.criteria import Criterion
from ..golden.spec.decision import DecisionConfig
from ..golden.spec.rules import ExitRule, criteria_of_rules
from ..golden.unit_model import all_pass_rule
from .devices import Device
from .results import Results

BATCH_SIZE = 256


def unit_config(network: IntegerNetwork) -> DecisionConfig:
    """Return the configuration of the decision unit that a network needs."""
    return DecisionConfig(
        n_classes=network.n_classes,
        logit_width=network.logit_format.width,
        fraction_bits=network.fraction_bits,
        n_exits=network.n_exits,
        criteria=criteria_of_rules(network.rules or (ExitRule(threshold=0),)),
    )


def set_rules(network: IntegerNetwork, device: Device) -> None:
    """Write the network's calibrated rules to the device; the final classifier takes all.

    Raises
    ------
    ValueError
        The network is not calibrated.
    """
    if network.rules is None:
        raise ValueError(
            f"Network must be calibrated, not {network.name!r} (offramp calibrate does it)"
        )
    for exit_index, rule in enumerate(network.rules):
        device.set_rule(exit_index, rule)
    device.set_rule(network.n_exits - 1, all_pass_rule(device.config))


def run(
    network: IntegerNetwork,
    device: Device,
    images: npt.NDArray[np.uint8],
    *,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int], None] | None = None,
) -> Results:
    """Classify images with early exit.

    The host computes a segment for a batch, the device decides on its logits, and only the images
    that it keeps go on to the next segment. Rules are those of the device.

    Parameters
    ----------
    network : IntegerNetwork
    device : Device
        With at least the exits and classes of the network.
    images : uint8 [n, H, W, C]
    batch_size : int
        Images that go through a segment together; with patience at most as many as there are tags.
    progress : callable, optional
        Called with the number of images done after each batch.

    Returns
    -------
    Results
        In the order of the images.
    """
    if batch_size < 1:
        raise ValueError(f"Batch size must be at least 1, not {batch_size!r}")
    n = len(images)
    label = np.zeros(n, dtype=np.int64)
    exit_index = np.zeros(n, dtype=np.int64)
    score = np.zeros(n, dtype=np.int64)
    last = network.n_exits - 1
    if Criterion.PATIENCE in device.config.criteria:
        # the tag tells the samples that are under way together
        batch_size = min(batch_size, 1 << device.config.tag_width)
    for start in range(0, n, batch_size):
        undecided = np.arange(start, min(start + batch_size, n))
        activations: npt.NDArray[np.integer] | None = images[undecided]
        for index in range(network.n_exits):
            if activations is None or not len(undecided):
                break
            activations, logits = network.segment(index, activations)
            decisions = device.decide(logits, index, tag=undecided - start)
            leaves = decisions.exit | (index == last)
            left = undecided[leaves]
            label[left] = decisions.label[leaves]
            score[left] = decisions.score[leaves]
            exit_index[left] = index
            undecided = undecided[~leaves]
            activations = None if activations is None else activations[~leaves]
        if progress is not None:
            progress(min(start + batch_size, n))
    macs = np.asarray(network.macs_at_exit, dtype=np.int64)[exit_index]
    return Results(label, exit_index, score, macs, network.n_exits)
