"""The link between host and engine: a UART, frames on it, and what executes them.

`docs/link.md` is its specification.
"""

from .linked_engine import LinkedEngine

__all__ = ["LinkedEngine"]
