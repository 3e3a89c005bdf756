"""A sweep over designs: what each takes, how fast it is, and which no other beats."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ..fpga.cluster import Failure, Job, Outcome, run_jobs
from ..fpga.flow import CapacityError
from ..fpga.subjects import Subject
from ..fpga.synth import SynthesisReport
from ..fpga.targets import Target
from ..golden.network import IntegerNetwork
from ..golden.spec.decision import DecisionConfig
from ..golden.spec.engine import ENGINES, EngineConfig
from ..hw.decision.delivery import MODULE_NAME as UNIT_NAME
from ..hw.engine.delivery import MODULE_NAME as ENGINE_NAME
from ..hw.engine.delivery import engine_verilog
from .accelerator import with_unit_for
from .compile import CompileError, smallest_engine
from .image_cycles import image_cycles

__all__ = [
    "Candidate",
    "Memory",
    "Row",
    "decision_candidates",
    "engine_candidates",
    "engine_of",
    "explore",
    "memory_of",
    "pareto_front",
]

KIB = 1024


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One design of a sweep on one device.

    Attributes
    ----------
    axes : mapping of str to str
        What it is, the device last.
    job : Job or None
        How it is built; None if it cannot be.
    cycles : float
        Of an image, or of a vector of logits, in the mean.
    cycles_without : int or None
        Without early exits, if there are any.
    reason : str
        Why it cannot be built.
    """

    axes: Mapping[str, str]
    job: Job | None = None
    cycles: float = 0.0
    cycles_without: int | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A candidate with what it takes.

    Attributes
    ----------
    candidate : Candidate
    reports : tuple of SynthesisReport
        Of all seeds that were placed and routed, best clock first.
    reason : str
        Why there is none, or why there are not all.
    on_front : bool
        Whether no other row is as good in everything and better in something.
    """

    candidate: Candidate
    reports: tuple[SynthesisReport, ...] = ()
    reason: str = ""
    on_front: bool = False

    @property
    def fmax_mhz(self) -> float | None:
        """The clock of the best seed."""
        return self.reports[0].fmax_mhz if self.reports else None

    @property
    def rate(self) -> float | None:
        """Images, or vectors, a second at that clock."""
        return self._rate(self.candidate.cycles)

    @property
    def rate_without(self) -> float | None:
        """The same without early exits."""
        return self._rate(self.candidate.cycles_without)

    def cost(self, kind: str) -> int | None:
        """Return ``logic_cells``, ``flip_flops``, ``dsp`` or ``block_ram``."""
        return getattr(self.reports[0], kind) if self.reports else None

    def _rate(self, cycles: float | None) -> float | None:
        clock = self.fmax_mhz
        return None if clock is None or cycles is None else 1e6 * clock / cycles

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain values, for JSON."""
        return {
            **self.candidate.axes,
            **{kind: self.cost(kind) for kind in (*COSTS, "flip_flops")},
            "fmax_mhz": {str(report.seed): report.fmax_mhz for report in self.reports},
            "cycles": self.candidate.cycles,
            "cycles_without_exits": self.candidate.cycles_without,
            "rate": self.rate,
            "rate_without_exits": self.rate_without,
            "on_front": self.on_front,
            "reason": self.reason,
        }


COSTS: Mapping[str, str] = {"logic_cells": "LUTs", "dsp": "DSPs", "block_ram": "block RAMs"}
"""What a design is to take little of, and how it is called."""


# -- the accelerator -------------------------------------------------------------------------------


def engine_of(text: str) -> EngineConfig:
    """Return a named engine, or one by its shape: input lanes x output lanes x requantizers.

    Raises
    ------
    ValueError
        It is neither, or there is no engine of that shape.
    """
    if text in ENGINES:
        return ENGINES[text]
    shape = re.fullmatch(r"(\d{1,3})x(\d{1,3})x(\d{1,3})", text)
    if shape is None:
        raise ValueError(
            f"Engine must be one of {', '.join(ENGINES)} or a shape like 4x8x1, not {text!r}"
        )
    in_lanes, out_lanes, requantizers = map(int, shape.groups())
    return EngineConfig(in_lanes=in_lanes, out_lanes=out_lanes, requantizers=requantizers)


@dataclass(frozen=True)
class Memory:
    """How the memories of an engine are chosen.

    Attributes
    ----------
    text : str
        ``named``: those of the named engine; ``fitted``: what the network needs; ``8+32``: KiB for
        activations and for weights, the others fitted.
    """

    text: str

    def of(self, network: IntegerNetwork, engine: str) -> EngineConfig:
        """Return the engine with its memories, which may be too small for the network.

        Raises
        ------
        ValueError
            The engine has no name, or no engine has such a memory.
        """
        config = with_unit_for(network, engine_of(engine))
        if self.text == "named":
            if engine not in ENGINES:
                raise ValueError(f"Memory of engine {engine} must be fitted or in KiB, not 'named'")
            return config
        config = smallest_engine(network, config)
        if self.text == "fitted":
            return config
        activations, weights = (KIB * int(part) for part in self.text.split("+"))
        return replace(
            config, activation_bytes=activations, weight_lines=weights // config.line_bytes
        )


def memory_of(text: str) -> Memory:
    """Return how memories are chosen; ValueError if the text says none of the ways."""
    if text not in ("named", "fitted") and not re.fullmatch(r"\d{1,4}\+\d{1,4}", text):
        raise ValueError(
            f"Memory must be named, fitted or KiB of activations+weights like 8+32, not {text!r}"
        )
    return Memory(text)


def engine_candidates(
    network: IntegerNetwork,
    shares: Sequence[float],
    *,
    engines: Iterable[str],
    memories: Iterable[Memory],
    targets: Iterable[Target],
) -> list[Candidate]:
    """Return every engine with every memory on every device.

    Parameters
    ----------
    network : IntegerNetwork
        What the engines run.
    shares : sequence of float
        Of images that leave at each exit.
    engines : iterable of str
        As of `engine_of`.
    memories : iterable of Memory
    targets : iterable of Target
        That can hold an engine.
    """

    @cache
    def verilog(config: EngineConfig, family: str) -> str:
        return engine_verilog(config, family)

    def candidate(engine: str, memory: Memory, target: Target) -> Candidate:
        axes = {"engine": engine, "memory": memory.text, "device": target.name}
        try:
            config = memory.of(network, engine)
            cycles = image_cycles(network, config)
            target.check_engine(config)
        except (CompileError, CapacityError, ValueError) as error:
            return Candidate(axes=axes, reason=str(error))
        assert target.flow is not None
        job = Job(
            verilog=verilog(config, target.flow.family),
            top=ENGINE_NAME,
            device=target.device,
            target_mhz=target.target_mhz,
        )
        return Candidate(
            axes=axes,
            job=job,
            cycles=cycles.mean(shares),
            cycles_without=cycles.without_exits,
        )

    chosen = list(memories), list(targets)
    return [candidate(e, m, t) for e in engines for m in chosen[0] for t in chosen[1]]


# -- the decision unit -----------------------------------------------------------------------------


def decision_candidates(
    *,
    n_classes: int,
    criteria: Iterable[tuple[str, ...]],
    fraction_bits: Iterable[int],
    lanes: Iterable[int],
    targets: Iterable[Target],
) -> list[Candidate]:
    """Return every set of criteria with every format and number of lanes on every device.

    Logits are of 8 bits, there are two exits; a rate is that of vectors of `n_classes`.
    """

    @cache
    def subject(names: tuple[str, ...], bits: int, n_lanes: int) -> Subject:
        return Subject(
            config=DecisionConfig(
                n_classes=n_classes, criteria=names, fraction_bits=bits, lanes=n_lanes
            )
        )

    def candidate(names: tuple[str, ...], bits: int, n_lanes: int, target: Target) -> Candidate:
        axes = {
            "criteria": "+".join(names),
            "fraction bits": str(bits),
            "lanes": str(n_lanes),
            "device": target.name,
        }
        try:
            unit = subject(names, bits, n_lanes)
        except ValueError as error:
            return Candidate(axes=axes, reason=str(error))
        job = Job(
            verilog=unit.verilog,
            top=UNIT_NAME,
            device=target.device,
            target_mhz=target.target_mhz,
        )
        return Candidate(axes=axes, job=job, cycles=unit.interval(n_classes))

    formats, widths, places = list(fraction_bits), list(lanes), list(targets)
    return [
        candidate(names, bits, n_lanes, target)
        for names in criteria
        for bits in formats
        for n_lanes in widths
        for target in places
    ]


# -- all of them -----------------------------------------------------------------------------------


def explore(
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    *,
    out: Path,
    address: str | None = None,
    cores: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Build all candidates with all seeds, side by side, and return a row for each.

    Parameters
    ----------
    candidates : sequence of Candidate
    seeds : sequence of int
    out, address, cores, progress
        As of `run_jobs`.

    Raises
    ------
    ToolError
        Ray is not installed, or there is no cluster at the address.
    """
    jobs = list(dict.fromkeys(c.job for c in candidates if c.job is not None))
    outcomes = run_jobs(jobs, seeds, out=out, address=address, cores=cores, progress=progress)
    rows = [_row(candidate, seeds, outcomes) for candidate in candidates]
    return _marked(rows)


def _row(
    candidate: Candidate, seeds: Sequence[int], outcomes: Mapping[tuple[Job, int], Outcome]
) -> Row:
    if candidate.job is None:
        return Row(candidate=candidate, reason=candidate.reason)
    reports: list[SynthesisReport] = []
    reasons: dict[str, list[str]] = {}
    for seed in seeds:
        outcome = outcomes[candidate.job, seed]
        if isinstance(outcome, Failure):
            reasons.setdefault(outcome.reason, []).append(str(seed))
        else:
            reports.append(outcome)
    reports.sort(key=lambda report: -report.fmax_mhz)
    texts = [f"seed {', '.join(which)}: {reason}" for reason, which in reasons.items()]
    return Row(candidate=candidate, reports=tuple(reports), reason="; ".join(texts))


def _marked(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with those on the front marked."""
    built = [row for row in rows if row.reports]
    points = [(-(row.rate or 0.0), *(float(row.cost(c) or 0) for c in COSTS)) for row in built]
    front = {id(row) for row, on in zip(built, pareto_front(points), strict=True) if on}
    return [replace(row, on_front=id(row) in front) for row in rows]


def pareto_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Return of each point whether no other is as small in everything and smaller in something."""

    def beats(one: Sequence[float], other: Sequence[float]) -> bool:
        return tuple(one) != tuple(other) and all(a <= b for a, b in zip(one, other, strict=True))

    return [not any(beats(other, point) for other in points) for point in points]
