"""The exit decision unit: logits in, one a cycle; decisions out, without a bubble.

::

    i ──> RunningMaximum ──x──> Exponential ──addend──> Accumulator ──sum──> LogOdds ──> o
          compare, keep          table, shift            add, compare         score

With several lanes `LanePipeline` stands in place of these.
"""

from .composite import CriteriaUnit, create_unit
from .payload import Decision, LogitBeat
from .unit import DecisionUnit

__all__ = ["CriteriaUnit", "Decision", "DecisionUnit", "LogitBeat", "create_unit"]
