"""How much is sent at a time: less on a wire that damages much."""

FRAME_WORDS_MIN = 4
"""Smallest frame that errors lead to: half of its bytes are data."""
FRAMES_MIN = 2
GROWS_AFTER = 8
"""Frames in a row that arrive before frames grow."""


class Pace:
    """Size of frames and how many are on their way: halved by each loss, growing again.

    Parameters
    ----------
    most_words : int
        Words of data of the largest frame.
    most_frames : int

    Attributes
    ----------
    words, frames : int
        As they are now.
    """

    def __init__(self, most_words: int, most_frames: int):
        self._most_words = most_words
        self._most_frames = most_frames
        self.words = most_words
        self.frames = most_frames
        self._arrived = 0

    def arrived(self) -> None:
        """Take note of a frame that was executed."""
        self.frames = min(self.frames + 1, self._most_frames)
        self._arrived += 1
        if self._arrived >= GROWS_AFTER:
            self._arrived = 0
            self.words = min(self.words + max(1, self.words // 4), self._most_words)

    def lost(self) -> None:
        """Take note of a frame that was lost, whatever was lost with it."""
        self._arrived = 0
        self.words = min(self.words, max(FRAME_WORDS_MIN, self.words // 2))
        self.frames = max(FRAMES_MIN, self.frames // 2)
