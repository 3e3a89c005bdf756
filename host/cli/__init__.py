"""The command line: `offramp`, with a sub-command for each step."""

from .main import main

__all__ = ["main"]
