"""Weights: set in plain, committed as a hash, or committed under a timelock."""

from taostack.devnet.pallets.weights import batch, dev, hashed, plain, timelocked

__all__ = ["batch", "dev", "hashed", "plain", "timelocked"]
