"""One typed way to the chain: ``Chain``, ``Metagraph``, ``WeightSetter``, wallets, endpoints, commitments.

from taostack.chain import Chain, WeightSetter, open_wallet
"""

import importlib
import typing

from taostack.chain.metagraph import AxonInfo, Metagraph, Standing

if typing.TYPE_CHECKING:
    from taostack.chain.client import Chain
    from taostack.chain.endpoints import EndpointBook, PublishedEndpoint
    from taostack.chain.records import Commitment, Head, Hyperparameters, Receipt, Registration
    from taostack.chain.schedule import EpochSchedule
    from taostack.chain.scores import ComputedScores
    from taostack.chain.serving import ServeOutcome
    from taostack.chain.wallet import Signer, Wallet, create_wallet, dev_wallet, open_wallet
    from taostack.chain.weight_outcome import SetterPolicy, WeightOutcome
    from taostack.chain.weight_state import FileStore, MemoryStore, Store
    from taostack.chain.weights import WeightSetter

__all__ = [
    "AxonInfo",
    "Chain",
    "Commitment",
    "ComputedScores",
    "EndpointBook",
    "EpochSchedule",
    "FileStore",
    "Head",
    "Hyperparameters",
    "MemoryStore",
    "Metagraph",
    "PublishedEndpoint",
    "Receipt",
    "Registration",
    "ServeOutcome",
    "SetterPolicy",
    "Signer",
    "Standing",
    "Store",
    "Wallet",
    "WeightOutcome",
    "WeightSetter",
    "create_wallet",
    "dev_wallet",
    "open_wallet",
]

# The SDK takes a second to import, so what needs it is fetched when it is used:
# a gate or a simulator works on a Metagraph without any chain.
_PLACES = {
    "Chain": "client",
    "Commitment": "records",
    "ComputedScores": "scores",
    "EndpointBook": "endpoints",
    "EpochSchedule": "schedule",
    "FileStore": "weight_state",
    "Head": "records",
    "Hyperparameters": "records",
    "MemoryStore": "weight_state",
    "PublishedEndpoint": "endpoints",
    "Receipt": "records",
    "Registration": "records",
    "ServeOutcome": "serving",
    "SetterPolicy": "weight_outcome",
    "Signer": "wallet",
    "Store": "weight_state",
    "Wallet": "wallet",
    "WeightOutcome": "weight_outcome",
    "WeightSetter": "weights",
    "create_wallet": "wallet",
    "dev_wallet": "wallet",
    "open_wallet": "wallet",
}


def __getattr__(name: str) -> typing.Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
