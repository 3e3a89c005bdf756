"""Emulated boards, and the ports to them."""

from ...golden.engine_bank import EngineBank
from ...golden.link_board import LinkBoard
from ...golden.spec.engine import EngineConfig
from ...golden.spec.link import LinkConfig
from ..compile import predict_cycles

MODEL_CLOCK_HZ = 48_000_000
"""Clock of an emulated board, unless said otherwise."""


def model_board(engine: EngineConfig, config: LinkConfig) -> LinkBoard:
    """Return the byte-level model of a board with an engine."""
    return LinkBoard(EngineBank(engine, lambda program: predict_cycles(program).exits), config)
