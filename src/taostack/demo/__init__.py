"""A whole subnet on a laptop, in one command: chain, wallets, neurons, epochs, weights, leaderboard."""

from taostack.demo.cast import CAST, Cast, MinerRole, ValidatorRole
from taostack.demo.show import Show
from taostack.demo.tour import TourResult, TourSettings, run_tour

__all__ = ["CAST", "Cast", "MinerRole", "Show", "TourResult", "TourSettings", "ValidatorRole", "run_tour"]
