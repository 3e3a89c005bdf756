"""How fast cocotb decides: one test that does nothing but stream vectors.

Reads ``OFFRAMP_BENCH_VECTORS``, the number of vectors, besides what the bench of the decision unit
reads.
"""

# mypy: disable-error-code="untyped-decorator"
# cocotb types its decorators in part only

import os
from typing import Any

import cocotb

from ..stimuli import Vector
from .decision import CONFIG, WATCHDOG, started

VECTORS_VARIABLE = "OFFRAMP_BENCH_VECTORS"

N_VECTORS = int(os.environ.get(VECTORS_VARIABLE, "100"))


@cocotb.test(**WATCHDOG)
async def every_vector_is_decided(dut: Any) -> None:
    tb = await started(dut)
    ramp = Vector(tuple(-place for place in range(CONFIG.n_classes)))
    beats = [beat for _ in range(N_VECTORS) for beat in tb.beats(ramp)]
    sending = cocotb.start_soon(tb.driver.send(beats))
    await tb.monitor.receive(N_VECTORS)
    await sending
