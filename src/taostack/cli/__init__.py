"""The ``taostack`` command."""

from taostack.cli.main import main

__all__ = ["main"]
