"""The ``taostack`` command."""

from taostack.cli.program import main

__all__ = ["main"]
