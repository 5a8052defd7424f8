"""Whose state it is: a hotkey *and* the block at which it was registered.

A uid is a chair, not a person: when a neuron is pushed out, the next one sits
on the same uid. And a hotkey may leave and come back. Only the pair of hotkey
and registration block names one life on the subnet, so that is what everything
kept about a neuron is filed under.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from taostack.chain.metagraph import Metagraph


class NeuronKey(NamedTuple):
    """One life of a hotkey on a subnet; equal to ``Metagraph.identity_of(uid)``."""

    hotkey: str
    registered_at: int

    def __str__(self) -> str:
        return f"{self.hotkey}@{self.registered_at}"


def key_of(metagraph: Metagraph, uid: int) -> NeuronKey:
    """The key of the neuron that holds ``uid`` in this snapshot."""
    return NeuronKey(*metagraph.identity_of(uid))


def keys_by_uid(metagraph: Metagraph) -> list[NeuronKey]:
    """Keys in uid order: entry ``i`` belongs to uid ``i``."""
    return [key_of(metagraph, uid) for uid in range(len(metagraph))]


def uids_of(metagraph: Metagraph, keys: Iterable[NeuronKey]) -> Iterator[tuple[int, NeuronKey]]:
    """Pairs (uid, key) of those ``keys`` that still live on the subnet; the others are left out."""
    for key in keys:
        uid = metagraph.uid_of(key.hotkey)
        if uid is not None and int(metagraph.registered_at[uid]) == key.registered_at:
            yield uid, key
