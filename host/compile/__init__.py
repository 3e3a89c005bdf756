"""The compiler: from an integer network to the program of an engine."""

from .compiler import Compilation, compile_network, fitting_engine, smallest_engine
from .cycles import CyclePrediction, exit_machinery_cycles, operation_cycles, predict_cycles
from .errors import CompileError

__all__ = [
    "Compilation",
    "CompileError",
    "CyclePrediction",
    "compile_network",
    "exit_machinery_cycles",
    "fitting_engine",
    "operation_cycles",
    "predict_cycles",
    "smallest_engine",
]
