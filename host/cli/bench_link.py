"""The link to a board measured: offramp bench link."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from ...golden.data import Dataset
from ...golden.data_files import DataError
from ...golden.network import IntegerNetwork
from ...golden.network_file import load_network
from ...golden.spec.engine import ENGINES
from ...golden.zoo import PREFIX
from ..workflow import splits_of_network
from .output import data_dir_option, json_option, messages, progress_bar, report, report_rows

CAMPAIGN_NETWORK = "zoo:digits"
"""Small images: the campaign is about frames, and they need no files."""
CAMPAIGN_ENGINE = "16"
NOISE_IMAGES = 100


@click.command("link")
@click.argument("networks", nargs=-1)
@data_dir_option
@click.option(
    "--engine", type=click.Choice(list(ENGINES)), default="16", show_default=True,
    help="Of the networks whose throughput is measured.",
)  # fmt: skip
@click.option("--batch", type=click.IntRange(1), default=100, show_default=True,
              help="Images whose throughput is measured.")  # fmt: skip
@click.option("--images", type=click.IntRange(1), default=1000, show_default=True,
              help="Images of each campaign.")  # fmt: skip
@click.option("--rtl-images", type=click.IntRange(0), default=1000, show_default=True,
              help="Images of the campaign on the RTL.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the faults.")
@json_option
def bench_link(
    networks: tuple[str, ...],
    data_dir: Path | None,
    engine: str,
    batch: int,
    images: int,
    rtl_images: int,
    seed: int,
    as_json: bool,
) -> None:
    r"""Measure the link: throughput on the RTL's pins, and images over wires that damage bytes.

    Throughput is that of a program's load and of a batch of images, in clock cycles of the RTL,
    against the bytes that the UART could carry; of B-LeNet and the digits unless others are named.
    The campaigns flip, drop, duplicate and reorder bytes, pause, pull the cable in the middle of
    the load and of an image and at random, and give both ends noise for ten seconds. None of the
    images may be lost, run twice or wrong.

    \b
    Example: offramp bench link zoo:digits --rtl-images 100
             offramp bench link --data-dir data
    """
    from .. import accelerator
    from ..compile import compile_network
    from ..link.campaign import RATES, CampaignResult
    from ..link_bench import measure_campaign, measure_throughput

    measured = []
    for name in networks or ("zoo:blenet-mnist", "zoo:digits"):
        network = load_network(name)
        try:
            test = _test_split(network, data_dir)
        except DataError as error:
            messages.print(f"{name} left out: {error}")
            continue
        program = compile_network(network, accelerator.engine_for(network, engine)).program
        some = test.images[:batch]
        short = name.removeprefix(PREFIX)
        with progress_bar(f"{short} over the pins", len(some), quiet=as_json) as bar:
            measured.append(measure_throughput(short, engine, program, some, progress=bar.show))

    network = load_network(CAMPAIGN_NETWORK)
    config = accelerator.engine_for(network, CAMPAIGN_ENGINE)
    program = compile_network(network, config).program
    contents = splits_of_network(network, None).test.images
    contents = contents[np.arange(max(images, rtl_images)) % len(contents)]
    runs = [("model", images, rate, False) for rate in RATES]
    runs.append(("model", min(images, NOISE_IMAGES), 0.0, True))
    if rtl_images:
        runs.append(("RTL", rtl_images, max(RATES), False))
        runs.append(("RTL", min(rtl_images, NOISE_IMAGES), 0.0, True))
    campaigns: list[tuple[str, CampaignResult]] = []
    for board, n, rate, noise in runs:
        what = f"{board}, noise" if noise else f"{board}, {rate:g} of the bytes"
        with progress_bar(what, n, quiet=as_json) as bar:
            result = measure_campaign(
                board, program, contents[:n], rate=rate, seed=seed, noise=noise, progress=bar.show
            )
        campaigns.append((board, result))
    if as_json:
        report(
            {
                "throughput": [asdict(row) for row in measured],
                "campaigns": [{"board": board, **asdict(row)} for board, row in campaigns],
            },
            as_json=True,
        )
    else:
        _print(measured, campaigns)
    wrong = [row for _, row in campaigns if not row.right]
    if wrong or any(row.results_wrong for row in measured):
        raise click.ClickException("Images must arrive, once, and have the results of golden")


def _test_split(network: IntegerNetwork, data_dir: Path | None) -> Dataset:
    """Return images from the folder, or the bundled ones where it has none."""
    try:
        return splits_of_network(network, data_dir).test
    except DataError:
        if data_dir is None:
            raise
        return splits_of_network(network, None).test


def _print(measured: list[Any], campaigns: list[tuple[str, Any]]) -> None:
    report_rows(
        "Throughput on the RTL's pins, in its clock cycles",
        ("network", "MACs", "bytes of program", "% of the wire", "images", "bytes", "% of the wire",
         "wrong"),
        [
            (row.network, row.engine, row.program_bytes, f"{row.load_percent:.1f}", row.images,
             row.image_bytes, f"{row.run_percent:.1f}", row.results_wrong)
            for row in measured
        ],
    )  # fmt: skip
    report_rows(
        "Campaigns",
        ("board", "byte faults", "noise", "pauses", "pulled", "images", "lost", "run", "wrong",
         "losses", "sent again", "content of the bytes sent"),
        [
            (board, _faults(row), f"{row.faults.get('noise', 0):,} bytes",
             row.faults.get("paused", 0), row.reconnects, row.images, row.lost, row.executed,
             row.wrong, row.losses, row.again,
             f"{100 * row.content_bytes / row.sent_bytes:.0f} %")
            for board, row in campaigns
        ],
    )  # fmt: skip


def _faults(row: Any) -> str:
    from ..link.faults import BYTE_FAULTS

    count = sum(row.faults.get(fault, 0) for fault in BYTE_FAULTS)
    return f"{count:,} (1 in {1 / row.rate:,.0f})" if row.rate else "0"
