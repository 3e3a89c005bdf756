"""AXI4-Lite and AXI4-Stream around components that speak Amaranth streams.

::

    AXI4-Lite ──> AxiLiteSlave ──register port──> RegisterBank ──> registers as signals
"""

from .bank import RegisterBank
from .lite import AxiLiteSlave
from .signature import AxiLite, AxiStream, RegisterPort

__all__ = ["AxiLite", "AxiLiteSlave", "AxiStream", "RegisterBank", "RegisterPort"]
