"""Integer models of the baselines, which their RTL equals bit for bit."""

import numpy as np

from .decision import Decisions, Integers, Logits, check_logits, check_threshold
from .spec.baselines import SoftmaxConfig


def exponentials_of(config: SoftmaxConfig, logits: Logits) -> Integers:
    """Return the fixed-point exponential of each logit below the largest, int64 [n, N]."""
    values = check_logits(config, logits).astype(np.int64)
    difference = values.max(axis=1, keepdims=True) - values
    address = np.minimum(difference, (1 << config.address_width) - 1)
    return np.asarray(np.array(config.exponentials)[address], dtype=np.int64)


def divided_confidence(config: SoftmaxConfig, logits: Logits) -> Integers:
    """Compute ``floor(1 / S)`` with 16 bits after the point, 65535 at most, [n, N] -> int64 [n]."""
    total = exponentials_of(config, logits).sum(axis=1)
    one = 1 << (config.EXPONENTIAL_BITS + config.CONFIDENCE_BITS)
    return np.asarray(np.minimum(one // total, config.threshold_high), dtype=np.int64)


def reciprocal(config: SoftmaxConfig, total: Integers) -> tuple[Integers, Integers]:
    """Return mantissa and exponent of ``1 / S`` by the table with lines between its entries.

    ``1 / S = mantissa / 2**16 / 2**exponent``, for ``S = total / 2**15``, int64 [n] each.
    """
    exponent = np.floor(np.log2(total)).astype(np.int64) - config.EXPONENTIAL_BITS
    # the mantissa of S without its leading one, aligned to the widest S
    top = config.sum_width - 1
    aligned = total << (top - config.EXPONENTIAL_BITS - exponent)
    fraction = (aligned - (1 << top)) >> (top - config.SEGMENTS_LOG2 - config.SEGMENT_BITS)
    segment, place = fraction >> config.SEGMENT_BITS, fraction & ((1 << config.SEGMENT_BITS) - 1)
    fall = (np.array(config.slopes)[segment] * place) >> config.SEGMENT_BITS
    return np.array(config.reciprocals)[segment] - fall, exponent


def tabulated_confidence(config: SoftmaxConfig, logits: Logits) -> Integers:
    """Compute ``1 / S`` by the table of reciprocals, 16 bits after the point, -> int64 [n]."""
    mantissa, exponent = reciprocal(config, exponentials_of(config, logits).sum(axis=1))
    return mantissa >> exponent


def probabilities(config: SoftmaxConfig, logits: Logits) -> Integers:
    """Compute the softmax of every class, 16 bits after the point, [n, N] -> int64 [n, N].

    The largest of a vector is its `tabulated_confidence`.
    """
    exponentials = exponentials_of(config, logits)
    mantissa, exponent = reciprocal(config, exponentials.sum(axis=1))
    shift = config.EXPONENTIAL_BITS + exponent
    return (exponentials * mantissa[:, None]) >> shift[:, None]


def decide_by_confidence(
    config: SoftmaxConfig, logits: Logits, score: Integers, threshold: int
) -> Decisions:
    """Exit where a confidence reaches the threshold; the label is the largest logit."""
    label = check_logits(config, logits).argmax(axis=1).astype(np.int64)
    return Decisions(score >= check_threshold(config, threshold), label, score)
