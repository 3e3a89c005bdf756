"""The figures of networks on engines as tables."""

from collections.abc import Callable, Mapping, Sequence

from ..rtl_sim.engine_speed import EngineSpeed
from .engine_bench import EngineMeasurement
from .tables import Table

_NOTE = (
    "Layers: what each operation leaves in memory, RTL against the interpreter, all operations of "
    "the first images. Restarts: cycles from one result to the next. Exits off and without "
    "branches: of these images run in RTL, labels, scores and cycles; the share of the peak counts "
    "positions in the padding, rows of which the engine skips. For deciding: at each exit passed "
    "the wait behind the last logit and the part of a fetch that is otherwise hidden; at the exit "
    "taken the wait, and all cycles up to the first operation of the next image. The emulation is "
    "timed in one process, by its CPU time."
)

Row = tuple[str, Callable[[EngineMeasurement], object]]


def engine_table(measured: Sequence[EngineMeasurement], versions: Mapping[str, str]) -> Table:
    """Return a table with a column for each network and engine."""
    n_exits = max((len(one.cycles_at_exit) for one in measured), default=0)
    at_exits: list[Row] = [
        (f"cycles at exit {k + 1}", lambda one, k=k: _exit_cycles(one, k))  # type: ignore[misc]
        for k in range(n_exits)
    ]
    rows: list[Row] = [
        ("images", lambda one: f"{one.images:,}"),
        ("labels, exits, scores not golden's", lambda one: one.results_differing),
        ("layers compared", lambda one: f"{one.layers_compared:,}"),
        ("of images", lambda one: one.layer_images),
        ("layers not golden's", lambda one: one.layers_differing),
        ("cycles not as predicted", lambda one: one.cycles_differing),
        ("restarts not as predicted", lambda one: one.restarts_differing),
        ("with exits off, not right", lambda one: f"{one.off_differing} of {one.off_images}"),
        *at_exits,
        ("exits off, same program", lambda one: f"{one.cycles_exits_off:,}"),
        ("% of peak", lambda one: f"{one.percent_of_peak:.1f}"),
        ("without branches", lambda one: f"{one.cycles_without_exits:,}"),
        ("% of peak", lambda one: f"{one.percent_of_peak_without_exits:.1f}"),
        ("mean, exits on", lambda one: f"{one.mean_cycles:,.0f}"),
        ("gain over same program", lambda one: f"{one.gain_same_program:.2f}"),
        ("gain over no branches", lambda one: f"{one.gain:.2f}"),
        ("% of the mean for deciding", lambda one: f"{one.percent_lost:.2f}"),
        ("accuracy, exits on, %", lambda one: f"{100 * one.accuracy:.2f}"),
        ("accuracy, exits off, %", lambda one: f"{100 * one.accuracy_without_exits:.2f}"),
        ("emulated, million cycles a second", lambda one: f"{one.emulated_cpu / 1e6:.2f}"),
        ("CPU seconds of the images", lambda one: f"{one.cpu_seconds:,.0f}"),
        ("seconds of the images", lambda one: f"{one.seconds:,.0f}"),
        ("processes", lambda one: one.jobs),
    ]
    names = [f"{one.network}, {one.engine} MACs" for one in measured]
    return Table(
        title="Networks on the engine in RTL, test images",
        columns=dict.fromkeys(["", *names], ""),
        rows=[(name, *(str(value(one)) for one in measured)) for name, value in rows],
        versions=versions,
        note=_NOTE,
    )


def speed_table(speeds: Mapping[str, EngineSpeed], versions: Mapping[str, str]) -> Table:
    """Return a table with a row for each engine."""
    return Table(
        title="Cycles a CPU second of one program and the same images",
        columns={
            "MACs": "",
            "emulator": ",.0f",
            "cocotb": ",.0f",
            "emulator / cocotb": ".1f",
            "Amaranth": ",.0f",
            "emulator / Amaranth": ",.0f",
            "cycles from a decision to the next image's first MAC": "",
        },
        rows=[
            (
                engine, speed.emulator, speed.cocotb, speed.emulator / speed.cocotb, speed.amaranth,
                speed.emulator / speed.amaranth, max(speed.restarts),
            )
            for engine, speed in speeds.items()
        ],
        versions=versions,
    )  # fmt: skip


def _exit_cycles(one: EngineMeasurement, number: int) -> str:
    return f"{one.cycles_at_exit[number]:,}" if number < len(one.cycles_at_exit) else ""
