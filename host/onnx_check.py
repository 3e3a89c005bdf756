"""Whether ONNX Runtime computes the logits of an exported network as the golden model does."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..golden.network import IntegerNetwork
from ..golden.onnx_export import INPUT, export_onnx, output_name

BATCH_SIZE = 500


@dataclass(frozen=True, kw_only=True)
class OnnxCheck:
    """What a comparison found.

    Attributes
    ----------
    images, logits : int
        Compared, over all exits.
    logits_that_differ : int
    golden_seconds, runtime_seconds : float
        On one thread each, in the same run.
    """

    images: int
    logits: int
    logits_that_differ: int
    golden_seconds: float
    runtime_seconds: float


def open_session(network: IntegerNetwork) -> Any:
    """Return the exported network, ready to run in ONNX Runtime on one thread.

    Raises
    ------
    ValueError
        If ONNX Runtime is not installed.
    """
    try:
        import onnxruntime  # noqa: PLC0415 -- for this check only
    except ImportError as error:
        raise ValueError(
            "ONNX Runtime must be installed for a check, not missing (pip install onnxruntime)"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        export_onnx(network).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def check_onnx(
    network: IntegerNetwork,
    images: npt.NDArray[np.uint8],
    progress: Callable[[int], None] | None = None,
) -> OnnxCheck:
    """Compare every logit of every exit for `images`, uint8 [n, H, W, C].

    Raises
    ------
    ValueError
        If ONNX Runtime is not installed.
    """
    session = open_session(network)
    names = [output_name(index) for index in range(network.n_exits)]
    differing, golden_seconds, runtime_seconds = 0, 0.0, 0.0
    for start in range(0, len(images), BATCH_SIZE):
        batch = images[start : start + BATCH_SIZE]
        begin = time.perf_counter()
        expected = network.forward(batch)
        middle = time.perf_counter()
        found = session.run(names, {INPUT: batch})
        golden_seconds += middle - begin
        runtime_seconds += time.perf_counter() - middle
        differing += sum(
            int(np.count_nonzero(a != b)) for a, b in zip(expected, found, strict=True)
        )
        if progress is not None:
            progress(start + len(batch))
    return OnnxCheck(
        images=len(images),
        logits=len(images) * network.n_exits * network.n_classes,
        logits_that_differ=differing,
        golden_seconds=golden_seconds,
        runtime_seconds=runtime_seconds,
    )
