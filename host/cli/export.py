"""Sub-command that writes a network for other runtimes: `offramp export`."""

from pathlib import Path
from typing import Any

import click

from ...golden.network_file import load_network
from ..workflow import splits_of_network
from .output import data_dir_option, json_option, output_file, progress_bar, report


@click.command()
@click.argument("network")
@click.option("-o", "--output", required=True, help="ONNX file to write.")
@click.option(
    "--check",
    type=click.Choice(["train", "calibration", "test"]),
    help="Split on which ONNX Runtime must give every logit of the golden model.",
)
@data_dir_option
@json_option
def export(
    network: str, output: str, check: str | None, data_dir: Path | None, as_json: bool
) -> None:
    r"""Write a network as ONNX, in integer operators that give the same bits everywhere.

    One output per exit: int8 logits, of which one step is 2^-F octaves of the softmax.

    \b
    Example: offramp export zoo:digits --check test -o out/digits.onnx
    """
    from ...golden.onnx_export import save_onnx

    path = output_file(output)
    loaded = load_network(network)
    values: dict[str, Any] = {"network": loaded.name, "exits": loaded.n_exits}
    if check is not None:
        from ..onnx_check import check_onnx

        images = getattr(splits_of_network(loaded, data_dir), check).images
        with progress_bar("Comparing", len(images), quiet=as_json) as bar:
            found = check_onnx(loaded, images, bar.show)
        values |= {
            "split": check,
            "images": found.images,
            "logits_compared": found.logits,
            "logits_that_differ": found.logits_that_differ,
            "golden_images_per_second": found.images / found.golden_seconds,
            "onnx_runtime_images_per_second": found.images / found.runtime_seconds,
        }
        if found.logits_that_differ:
            raise ValueError(
                f"Logits of ONNX Runtime must equal the golden model's, not differ in "
                f"{found.logits_that_differ} of {found.logits}"
            )
    save_onnx(loaded, path)
    report(values, as_json=as_json, title="Exported", result=path)
