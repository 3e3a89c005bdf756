"""What networks take on engines of all sizes: offramp bench programs."""

from typing import Any

import click

from ...golden.network import IntegerNetwork
from ...golden.network_file import load_network
from ...golden.spec.engine import ENGINES, EngineConfig
from ...golden.zoo import PREFIX, entries
from .output import json_option, report, report_rows


@click.command("programs")
@click.argument("networks", nargs=-1)
@json_option
def bench_programs(networks: tuple[str, ...], as_json: bool) -> None:
    r"""Compile networks for engines of all sizes: memories, cycles, share of the peak.

    All exits are computed and none is taken; beside it the network without early exits. A position
    in the padding counts as a multiply-accumulate, so that the share can exceed 100 %. Memories
    that a network needs larger than the engine has them are enlarged and marked.

    \b
    Example: offramp bench programs
             offramp bench programs zoo:digits --json
    """
    names = networks or tuple(PREFIX + entry.name for entry in entries())
    found = {
        name: {size: _measure(load_network(name), config) for size, config in ENGINES.items()}
        for name in names
    }
    if as_json:
        report(found, as_json=True)
        return
    head = ("network", "MACs", "bytes", "weights", "channels", "words", "cycles at exits",
            "% of peak", "without exits", "%")  # fmt: skip
    rows = [
        (
            name.removeprefix(PREFIX),
            size,
            *(f"{need:,}{'*' * larger}" for need, larger in values["memories"].values()),
            " ".join(f"{cycles:,}" for cycles in values["cycles_at_exit"]),
            f"{values['percent_of_peak']:.1f}",
            f"{values['cycles_without_exits']:,}",
            f"{values['percent_of_peak_without_exits']:.1f}",
        )
        for name, sizes in found.items()
        for size, values in sizes.items()
    ]
    report_rows("Memories (* larger than the engine's), cycles of an image", head, rows)


def _measure(network: IntegerNetwork, config: EngineConfig) -> dict[str, Any]:
    from ..compile import compile_network, fitting_engine, predict_cycles

    enlarged = fitting_engine(network, config)
    compilation = compile_network(network, enlarged)
    cycles = predict_cycles(compilation.program)
    plain = predict_cycles(compile_network(network, enlarged, branches=False).program).whole
    return {
        "memories": {
            use.memory: (use.needed, use.needed > getattr(config, use.memory))
            for use in compilation.uses
        },
        "cycles_at_exit": [cycles.exits[index] for index in range(network.n_exits)],
        "percent_of_peak": 100 * network.macs_at_exit[-1] / (cycles.whole * config.macs),
        "cycles_without_exits": plain,
        "percent_of_peak_without_exits": 100 * network.macs_total / (plain * config.macs),
    }
