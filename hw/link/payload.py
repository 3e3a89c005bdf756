"""What the parts of the link hand to each other."""

from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from ...golden.spec.link import WORD_BYTES

__all__ = ["FrameEvent", "FrameStep", "Outgoing", "RequestWords"]


class FrameStep(enum.Enum, shape=2):
    """What happens to a frame that arrives."""

    BYTE = 0
    """A byte of its body."""
    GOOD = 1
    """It ends, and its CRC is right."""
    BAD = 2
    """It ends, and its CRC is wrong."""
    DROP = 3
    """It is none."""


class FrameEvent(data.StructLayout):
    """A step of a frame that arrives.

    Members
    -------
    step : FrameStep
    byte : 8
        With `FrameStep.BYTE`.
    """

    def __init__(self):
        super().__init__({"step": FrameStep, "byte": 8})


class Outgoing(data.StructLayout):
    """A byte to be sent.

    Members
    -------
    byte : 8
    flag : 1
        As it is; else it is escaped if it has to.
    """

    def __init__(self):
        super().__init__({"byte": 8, "flag": 1})


class RequestWords(wiring.Signature):
    """Requests that wait, word by word, as the buffer drives them.

    ::

        word    0                        1                      2 ...        last
                note, kind, sequence     address, count         data         CRC

    The first byte of the note is the number of words, this one and the CRC included. The second
    is 0, or the `Status` of a request that is not executed: of that only the first three words
    are there, whatever the number says.

    Members
    -------
    there : Out(1)
        There is a request.
    word : Out(8 [4])
        The word that is next, 3 cycles after `next_word` was set at the latest.
    next_word : In(1)
        Go on, behind the last word to the next request.
    credit : Out(16)
        Free bytes.
    """

    def __init__(self):
        super().__init__(
            {
                "there": Out(1),
                "word": Out(data.ArrayLayout(8, WORD_BYTES)),
                "next_word": In(1),
                "credit": Out(16),
            }
        )
