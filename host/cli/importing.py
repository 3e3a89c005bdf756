"""Sub-command for networks of others: `offramp import`."""

from fractions import Fraction

import click

from ...golden.float_file import save_float_network
from ..imports import import_source
from .output import json_option, output_file, report

NORMALIZED = "Images in 0..1 less this are what SOURCE takes: one number, or one per channel."


@click.command("import")
@click.argument("source")
@click.option("--input-shape", help="Sizes of an image as SOURCE has it, like 1,28,28.")
@click.option("--exits", help="Outputs of an ONNX model in order of depth, like a,b,c.")
@click.option("--mean", default="0", show_default=True, help=NORMALIZED)
@click.option("--std", default="1", show_default=True, help="Like --mean; 1/255 for 0..255.")
@click.option("-o", "--output", required=True, help="Float network file to write.")
@json_option
def import_network(
    source: str,
    input_shape: str | None,
    exits: str | None,
    mean: str,
    std: str,
    output: str,
    as_json: bool,
) -> None:
    r"""Read a network with exits from a torch module or an ONNX model.

    SOURCE is package.module:function, where the function returns a torch module, or a file that
    ends in .onnx. Each output is an exit, the last one the final classifier.

    \b
    Example: offramp import mypackage.network:make --input-shape 1,28,28 -o out/mine.float
             offramp import mine.onnx --exits early,final -o out/mine.float
    """
    path = output_file(output)
    lowered, origin = import_source(
        source,
        input_shape=None if input_shape is None else sizes_of(input_shape),
        exits=None if exits is None else exits.split(","),
        mean=numbers_of("Mean", mean),
        std=numbers_of("Standard deviation", std),
    )
    network = lowered.network
    save_float_network(network, path, origin)
    values = {
        "network": network.name,
        "image": list(network.topology.input_shape),
        "classes": network.topology.n_classes,
        "exits": network.topology.n_exits,
        "macs_without_exits": network.topology.macs_total,
        "macs_at_exit": list(network.topology.macs_at_exit),
    }
    report(values, as_json=as_json, title="Imported", result=path)


def sizes_of(text: str) -> tuple[int, int, int]:
    """Return three sizes separated by commas; ValueError if they are none."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise ValueError(f"Input shape must be three sizes like 1,28,28, not {text!r}")
    return int(parts[0]), int(parts[1]), int(parts[2])


def numbers_of(thing: str, text: str) -> tuple[float, ...]:
    """Return numbers or fractions separated by commas; ValueError if they are none."""
    try:
        return tuple(float(Fraction(part.strip())) for part in text.split(","))
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{thing} must be numbers like 0.5 or 1/255, not {text!r}") from error
