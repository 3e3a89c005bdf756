"""Sub-command that makes programs for the engine: `offramp compile`."""

import click

from ...golden.network_file import load_network
from ...golden.program_file import save_program
from ...golden.spec.engine import ENGINES
from .output import json_option, output_file, report, report_rows


@click.command()
@click.option("--net", required=True, help="Network file, or one of the zoo.")
@click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    default="16",
    show_default=True,
    help="By its multiply-accumulates in a cycle.",
)
@click.option("--enlarge", is_flag=True, help="Enlarge memories that are too small.")
@click.option("--no-fuse", is_flag=True, help="Write the output of every layer to memory.")
@click.option("--no-exits", is_flag=True, help="Leave out the early exits.")
@click.option("--listing", is_flag=True, help="Show every operation.")
@click.option("-o", "--output", required=True, help="Program file to write.")
@json_option
def compile(
    net: str,
    engine: str,
    enlarge: bool,
    no_fuse: bool,
    no_exits: bool,
    listing: bool,
    output: str,
    as_json: bool,
) -> None:
    r"""Write the program that runs a network on the accelerator engine.

    Says what it takes of the engine's memories, and how many cycles an image takes at each exit.
    A peak above 100 % is no error: positions in the padding count as multiply-accumulates, and the
    engine skips rows of it.

    \b
    Example: offramp compile --net zoo:blenet-mnist --engine 128 -o out/program.safetensors
             offramp compile --net zoo:resnet8-cifar10 --engine 64 --listing -o out/p.safetensors
    """
    from ..compile import compile_network, fitting_engine
    from ..compile.listing import HEAD, operations_data, rows, summary

    path = output_file(output)
    network = load_network(net)
    fuse, branches = not no_fuse, not no_exits
    config = ENGINES[engine]
    if enlarge:
        config = fitting_engine(network, config, fuse=fuse, branches=branches)
    compilation = compile_network(network, config, fuse=fuse, branches=branches)
    save_program(compilation, path)
    last = network.n_exits - 1
    macs = dict(enumerate(network.macs_at_exit)) if branches else {last: network.macs_total}
    values = summary(compilation, compilation.uses, macs)
    if as_json:
        if listing:
            values["program"] = operations_data(compilation)
        report(values, as_json=True, result=path)
        return
    if listing:
        report_rows(f"Operations of {network.name}", HEAD, rows(compilation))
    report(values, as_json=False, title="Program", result=path)
