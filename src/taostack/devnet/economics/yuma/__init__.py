"""Yuma consensus, exactly as the chain computes it: weights and stake in, incentive, dividends and bonds out."""

from taostack.devnet.economics.yuma.epoch import epoch
from taostack.devnet.economics.yuma.model import EpochInputs, EpochOutputs, LiquidAlpha, Rows

__all__ = ["EpochInputs", "EpochOutputs", "LiquidAlpha", "Rows", "epoch"]
