"""Build, run, test and watch Bittensor subnets: the same code on a laptop and on mainnet."""

__version__ = "0.1.0"
