"""Networks of others: from a torch module or an ONNX file to a float network, and on."""

import hashlib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..golden.float_file import load_float_network
from ..golden.lowering import Lowered
from ..golden.network import IntegerNetwork
from .workflow import load_splits, quantize_on

ONNX_SUFFIX = ".onnx"


def import_source(
    source: str,
    *,
    input_shape: tuple[int, int, int] | None = None,
    exits: Sequence[str] | None = None,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
) -> tuple[Lowered, dict[str, Any]]:
    """Return the float network of a source, and a record of where it comes from.

    Parameters
    ----------
    source : str
        ``package.module:name`` of a torch module or of a function that returns one, looked for
        in the current folder too; or a file that ends in ``.onnx``.
    input_shape : tuple of int
        Of an image as the source has it; a torch module needs it.
    exits : sequence of str
        Outputs of an ONNX model in order of depth.
    mean, std : sequence of float
        The source takes ``(image - mean) / std``, per channel or one for all.

    Raises
    ------
    ValueError, TypeError
        If there is no such source, or it cannot become an integer network, saying why.
    """
    normalized = {"mean": list(mean), "std": list(std)}
    if source.endswith(ONNX_SUFFIX):
        from ..golden.onnx_import import import_onnx  # noqa: PLC0415 -- for these sources only

        lowered = import_onnx(
            source,
            exits=exits,
            input_shape=input_shape,
            mean=mean,
            std=std,
            name=Path(source).stem,
        )
        digest = hashlib.sha256(Path(source).read_bytes()).hexdigest()
        return lowered, {"source": Path(source).name, "sha256": digest, **normalized}
    module_name, colon, name = source.partition(":")
    if not colon or not module_name or not name:
        raise ValueError(
            f"Network must be MODULE:FUNCTION or a file that ends in {ONNX_SUFFIX}, not {source!r}"
        )
    if exits is not None:
        raise ValueError(
            "Exits must be named for ONNX files only; those of a torch module are what it "
            f"returns, not {','.join(exits)!r}"
        )
    if input_shape is None:
        raise ValueError(
            "Input shape must be given for a torch module (--input-shape 1,28,28), not left out"
        )
    from ..golden.torch_import import import_torch  # noqa: PLC0415 -- for these sources only

    lowered = import_torch(_module(module_name, name), input_shape, mean=mean, std=std)
    return lowered, {"source": source, **normalized}


def _module(module_name: str, name: str) -> Any:
    """Return an object of a module, or what it returns if it is a function or class."""
    thing = f"{module_name}:{name}"
    sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module_name), name)
        # a torch module is callable too, and would want images
        return found() if isinstance(found, type) or not hasattr(found, "forward") else found
    except Exception as error:  # whatever a user's code raises
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"Network must be made by {thing} without arguments, "
            f"not raise {type(error).__name__}: {reason}"
        ) from error
    finally:
        sys.path.remove("")


def quantize_imported(
    path: str | Path,
    data: str,
    data_dir: str | Path | None,
    split_seed: int,
    **choices: Any,
) -> IntegerNetwork:
    """Return the integer network of an imported one, on the calibration split of a data set.

    `choices` are those of `offramp.host.workflow.quantize_on`.
    """
    network, origin = load_float_network(path)
    splits = load_splits(data, data_dir, split_seed)
    return quantize_on(splits, network, {"imported": origin}, **choices)
