"""Payloads of the streams of the decision unit."""

from amaranth.hdl import signed
from amaranth.lib import data

from ...golden.spec.decision import DecisionConfig

__all__ = ["Decision", "LogitBeat"]


class LogitBeat(data.StructLayout):
    """One logit of a vector.

    Members
    -------
    logit : signed(logit_width)
        The logit, on the base-2 grid.
    last : 1
        Whether it ends the vector.
    exit_index : exit_index_width
        The exit whose logits these are; taken from the last beat.
    tag : tag_width
        The sample, for the receiver to tell; taken from the last beat.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__(
            {
                "logit": signed(config.logit_width),
                "last": 1,
                "exit_index": config.exit_index_width,
                "tag": config.tag_width,
            }
        )


class Decision(data.StructLayout):
    """The decision on one vector.

    Members
    -------
    exit : 1
        Whether the exit is taken.
    label : label_width
        Index of the largest logit, the lowest of several.
    score : signed(logit_width + 1)
        Log-odds of the label in logit LSBs: ``exit`` is ``score >= threshold``.
    exit_index : exit_index_width
        As given with the vector.
    tag : tag_width
        As given with the vector.
    """

    def __init__(self, config: DecisionConfig):
        super().__init__(
            {
                "exit": 1,
                "label": config.label_width,
                "score": signed(config.score_format.width),
                "exit_index": config.exit_index_width,
                "tag": config.tag_width,
            }
        )
