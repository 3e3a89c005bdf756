"""One confidence for all exits, each made honest by a temperature of its own."""

import math

import numpy as np

from ..spec.criteria import Criterion
from ..spec.rules import ExitRule
from ..temperature import fit_temperature
from .base import ExitLogits, Rules, Target, choose


class PerExitTemperature:
    """Leave where the confidence of the softmax at the exit's temperature reaches a common T.

    Exit k has the temperature ``tau_k`` that minimises the negative log-likelihood of
    ``softmax(z / tau_k)`` on the calibration split. The quantizer has folded the float network's
    temperatures into the logits already; ``tau_k`` is what rounding and clipping left over.
    Dividing the logits by ``tau_k`` divides all differences of logits by it, so that a threshold
    ``lam`` on the log-odds of the winner becomes ::

        t_k = tau_k lam,    lam = 2**F log2(T / (1 - T))

    which is exact for two classes and for the margin, and for more as far as the runner-up alone
    counts. One ``lam`` serves all exits.

    Source: Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
    section 4.2; for each exit: Meronen et al., Fixing Overconfidence in Dynamic Neural Networks,
    WACV 2024, which starts from it.
    """

    name = "temperature"

    def fit(self, data: ExitLogits, target: Target, *, seed: int = 0) -> Rules:
        """Return a rule for each early exit; see `Policy.fit`."""
        nats = math.log(2) / (1 << data.config.fraction_bits)
        temperatures = [fit_temperature(logits * nats, data.labels) for logits in data.logits[:-1]]
        low, high = data.bounds(Criterion.CONFIDENCE)
        scores = data.criterion_scores(Criterion.CONFIDENCE)
        candidates = {
            tuple(
                int(np.clip(round(temperature * threshold), low, high))
                for temperature in temperatures
            )
            for threshold in range(min(0, scores.min()), scores.max() + 2)
        }
        rules = (
            tuple(ExitRule(threshold=threshold) for threshold in thresholds)
            for thresholds in sorted(candidates | {(low,) * data.n_early})
        )
        return choose(data, rules, target)
