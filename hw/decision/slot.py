"""What travels beside the logits: where each cycle stands in its vector."""

from amaranth.lib import data

__all__ = ["Slot"]


class Slot(data.StructLayout):
    """One step of the pipeline; a logit, an idle cycle or the end of a vector.

    With logits a, b, c of one vector and p, q of the next::

        i        a     b     c     p     q
        between  1     0     0     1     0
        closing  0     0     0     1     0
        sent on  -     min   min   lam   min

    The first logit of a vector has nothing to be compared with and sends nothing on. Its slot, or
    an idle one before it, closes the vector before: so vectors follow each other without a bubble.

    Members
    -------
    between : 1
        No vector has begun before this slot but not ended: nothing is summed or counted.
    closing : 1
        The vector before is decided. Always `between`; no two such slots are neighbours, as a
        vector has two logits at least.
    leads : 1
        The logit is the largest of its vector so far; of equal ones the first.
    """

    def __init__(self):
        super().__init__({"between": 1, "closing": 1, "leads": 1})
