"""Payloads of the streams of the decision unit."""

from amaranth.hdl import signed
from amaranth.lib import data

from ...golden.spec.decision import DecisionConfig

__all__ = ["Decision", "LogitBeat", "tag_field"]


class LogitBeat(data.StructLayout):
    """One logit of a vector, or as many as there are lanes.

    Members
    -------
    logit : signed(logit_width)
        The logit, on the base-2 grid. With one lane only.
    logits : array of signed(logit_width) [lanes]
        The next logits of the vector, that of the lowest class in lane 0. With several lanes only.
    keep : lanes
        Which lanes of a last beat hold logits, lane 0 in the lowest bit: those from lane 0 on
        without a gap. Lane 0 counts as kept, and so do all lanes of other beats; what lies behind
        the first lane that is not kept is left out. With several lanes only.
    last : 1
        Whether it ends the vector.
    exit_index : exit_index_width
        The exit whose logits these are; taken from the last beat.
    tag : tag_width
        The sample, for the receiver to tell; taken from the last beat. Absent if it has no bits.
    """

    def __init__(self, config: DecisionConfig):
        logit = signed(config.logit_width)
        if config.lanes == 1:
            logits = {"logit": logit}
        else:
            logits = {"logits": data.ArrayLayout(logit, config.lanes), "keep": config.lanes}
        super().__init__(
            logits | {"last": 1, "exit_index": config.exit_index_width} | tag_field(config)
        )


class Decision(data.StructLayout):
    """The decision on one vector.

    Members
    -------
    exit : 1
        Whether the exit is taken.
    label : label_width
        Index of the largest logit, the lowest of several.
    score : signed(window_width + 1)
        Log-odds of the label in logit LSBs: ``exit`` is ``score >= threshold``. Absent in a
        configuration without score.
    exit_index : exit_index_width
        As given with the vector; 0 in a unit with one exit and no tag.
    tag : tag_width
        As given with the vector. Absent if it has no bits.
    """

    def __init__(self, config: DecisionConfig):
        fields = {"exit": 1, "label": config.label_width}
        if config.with_score:
            fields["score"] = signed(config.score_format.width)
        super().__init__(fields | {"exit_index": config.exit_index_width} | tag_field(config))


def tag_field(config: DecisionConfig) -> dict[str, int]:
    """Return the field of the tag, if there is one: Verilog has no port without bits."""
    return {"tag": config.tag_width} if config.tag_width else {}
