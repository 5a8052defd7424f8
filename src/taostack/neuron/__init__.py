"""The life of a miner and of a validator; your program is the rest.

from taostack.neuron import Miner, NeuronSettings, Validator
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from taostack.neuron.config import NeuronSettings

if TYPE_CHECKING:
    from taostack.neuron.keys import NeuronKey
    from taostack.neuron.life import run_until_signalled
    from taostack.neuron.miner import Miner
    from taostack.neuron.program import (
        Epoch,
        EpochContext,
        MinerContext,
        MinerProgram,
        RecoverContext,
        Scores,
        Target,
        ValidatorProgram,
    )
    from taostack.neuron.state import Remembered
    from taostack.neuron.validator import Validator

__all__ = [
    "Epoch",
    "EpochContext",
    "Miner",
    "MinerContext",
    "MinerProgram",
    "NeuronKey",
    "NeuronSettings",
    "RecoverContext",
    "Remembered",
    "Scores",
    "Target",
    "Validator",
    "ValidatorProgram",
    "run_until_signalled",
]

# Settings must load in an instant (a command line asks for them to print its
# help), so everything that pulls in the chain and the wire is fetched when used.
_PLACES = {
    "Miner": "miner",
    "NeuronKey": "keys",
    "Remembered": "state",
    "Validator": "validator",
    "run_until_signalled": "life",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES.get(name, 'program')}"), name)
