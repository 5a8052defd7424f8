"""What a miner thinks with: one interface, ``Backend``, and the engines behind it."""

from taostack.reasonforge.backends.base import Backend, Solution

__all__ = ["Backend", "Solution"]
