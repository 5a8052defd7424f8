"""A local Bittensor chain in pure Python, for the unmodified SDKs and btcli.

    from taostack.devnet import Devnet

    with Devnet(block_time=0.1) as devnet:
        print(devnet.url, devnet.accounts["//Alice"])

See ``docs/devnet.md``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taostack.devnet.node import Devnet, DevnetSettings, Node

__all__ = ["Devnet", "DevnetSettings", "Node"]


def __getattr__(name: str) -> object:
    # Importing one pallet or the errors must not load the whole node.
    if name in __all__:
        from taostack.devnet import node

        return getattr(node, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
