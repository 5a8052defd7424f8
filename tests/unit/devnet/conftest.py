from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from taostack.devnet.author import Chain, Sealed
from taostack.devnet.extrinsics import Extrinsic
from taostack.devnet.genesis import DEV_ACCOUNTS
from taostack.devnet.profile import load_profile
from taostack.devnet.signing import compose, sign_call

START_MS = 1_750_000_000_000


@dataclass
class Ledger:
    """A chain in memory, with short words for what tests do to it."""

    chain: Chain
    now_ms: int = START_MS
    nonces: dict[str, int] = field(default_factory=dict)

    def sign(self, uri: str, call: str, /, *, nonce: int | None = None, tip: int = 0, **arguments: Any) -> Extrinsic:
        codec = self.chain.profile.codec
        if nonce is None:
            nonce = self.chain.next_nonce(DEV_ACCOUNTS[uri])
        genesis = self.chain.genesis_hash
        raw = sign_call(codec, uri, compose(codec, call, arguments), nonce=nonce, genesis_hash=genesis, tip=tip)
        return self.chain.decode(raw)

    def send(self, uri: str, call: str, /, **arguments: Any) -> list[dict[str, Any]]:
        """Submit, seal, and return the events of that extrinsic."""
        extrinsic = self.sign(uri, call, **arguments)
        self.chain.submit(extrinsic)
        sealed = self.seal()
        return self.events(sealed.block.extrinsics.index(extrinsic.raw))

    def seal(self) -> Sealed:
        self.now_ms += 250
        return self.chain.seal(self.now_ms)

    def events(self, index: int) -> list[dict[str, Any]]:
        found = self.chain.state.get("System", "Events")
        return [each for each in found if each["extrinsic_idx"] == index]

    def failure(self, error: Any) -> str:
        """``Pallet.Error`` of a module error, as the codec decodes it."""
        module = error["Module"]
        return str(self.chain.profile.codec.error_name(module["index"], int(module["error"][2:4], 16)))

    def balance(self, uri: str) -> int:
        return int(self.chain.state.get("System", "Account", DEV_ACCOUNTS.get(uri, uri))["data"]["free"])

    def call(self, name: str, /, **arguments: Any) -> bytes:
        return compose(self.chain.profile.codec, name, arguments)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Chain(load_profile(250)))


@pytest.fixture
def names() -> Callable[[list[dict[str, Any]]], list[str]]:
    """``Pallet.Event`` of each event."""
    return lambda events: [f"{each['module_id']}.{each['event_id']}" for each in events]
