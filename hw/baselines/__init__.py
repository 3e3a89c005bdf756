"""What the decision unit is measured against: the softmax as it is usually built.

All find the maximum first, then read the vector back for the exponentials and their sum S; the
confidence is 1 / S, by a serial divider or from a table.
"""

from .divider import DividerUnit
from .softmax import SoftmaxUnit

__all__ = ["DividerUnit", "SoftmaxUnit"]
