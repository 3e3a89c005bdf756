"""Speed of the integer forward pass: offramp bench golden."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from ...golden.network_file import load_network
from ...golden.zoo import PREFIX
from ..golden_speed import measure_golden_speed
from ..workflow import splits_of_network
from .output import data_dir_option, json_option, progress_bar, report, report_rows

NETWORKS = (
    "zoo:blenet-mnist",
    "zoo:blenet-fashion_mnist",
    "zoo:lenet3-fashion_mnist",
    "zoo:resnet8-cifar10",
)
"""Measured unless others are named."""


@click.command("golden")
@click.argument("networks", nargs=-1)
@data_dir_option
@click.option("--images", type=click.IntRange(1), default=2000, show_default=True, help="At most.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Best of.")
@json_option
def bench_golden(
    networks: tuple[str, ...], data_dir: Path | None, images: int, rounds: int, as_json: bool
) -> None:
    r"""Time the golden model on test images beside ONNX Runtime, one thread each.

    All exits are computed. ONNX Runtime runs the exported integer network; its logits are compared
    with the golden model's, bit for bit. Every layer is proven exact: no partial sum can reach
    2^24 where it is computed in float32.

    \b
    Example: offramp bench golden --data-dir data
             offramp bench golden zoo:digits
    """
    found: dict[str, dict[str, Any]] = {}
    for name in networks or NETWORKS:
        network = load_network(name)
        test = splits_of_network(network, data_dir).test.images[:images]
        with progress_bar(f"Timing {name}", rounds, quiet=as_json) as bar:
            found[name] = measure_golden_speed(
                network, test, rounds=rounds, progress=bar.show
            ).as_dict()
    tools = {
        "torch": version("torch"),
        "onnxruntime": version("onnxruntime"),
        "machine": f"{platform.machine()}, one thread",
    }
    if as_json:
        report({**tools, "networks": found}, as_json=True)
        return
    report(tools, as_json=False)
    head = ("network", "golden/s", "per CPU s", "runtime/s", "ratio", "bits", "logits differ")
    rows = [
        (
            name.removeprefix(PREFIX),
            f"{values['golden_images_per_second']:,.0f}",
            f"{values['golden_images_per_processor_second']:,.0f}",
            f"{values['runtime_images_per_second']:,.0f}",
            f"{values['ratio']:.2f}",
            values["largest_bound_of_a_partial_sum"].bit_length(),
            f"{values['logits_that_differ']}",
        )
        for name, values in found.items()
    ]
    title = "Images/s, all exits, best round; bits of the largest partial sum (float32 holds 24)"
    report_rows(title, head, rows)
