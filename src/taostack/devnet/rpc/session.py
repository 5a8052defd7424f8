"""One websocket connection: its requests, subscriptions and watched transactions."""

import itertools
from collections.abc import Callable
from typing import Any, Protocol

from taostack.devnet.author import Chain, Sealed
from taostack.devnet.extrinsics import Extrinsic
from taostack.devnet.pool import Entry, Status
from taostack.devnet.rpc import dev
from taostack.devnet.rpc.methods import METHODS, hexed, runtime_version
from taostack.devnet.rpc.params import hex_bytes, invalid, optional, required, text
from taostack.devnet.rpc.protocol import METHOD_NOT_FOUND, TOO_MANY_SUBSCRIPTIONS, RpcError, answer, notification
from taostack.devnet.store import Writes

MAX_SUBSCRIPTIONS = 1_024
MAX_WATCHED_KEYS = 10_000

_HEADS = {
    "chain_subscribeNewHeads": "chain_newHead",
    "chain_subscribeNewHead": "chain_newHead",
    "chain_subscribeAllHeads": "chain_allHead",
    "chain_subscribeFinalizedHeads": "chain_finalizedHead",
    "chain_subscribeFinalisedHeads": "chain_finalizedHead",
}
_FINAL_STATUSES = frozenset({"finalized", "usurped", "invalid", "dropped"})
_UNSUBSCRIBE = frozenset(
    {
        "chain_unsubscribeNewHeads",
        "chain_unsubscribeNewHead",
        "chain_unsubscribeAllHeads",
        "chain_unsubscribeFinalizedHeads",
        "chain_unsubscribeFinalisedHeads",
        "state_unsubscribeStorage",
        "state_unsubscribeRuntimeVersion",
        "author_unwatchExtrinsic",
    }
)


class Host(Protocol):
    """What a session needs of the node that serves it."""

    @property
    def chain(self) -> Chain:
        """The chain."""
        ...

    def submit(self, extrinsic: Extrinsic) -> Entry:
        """Take a transaction into the pool and let the author know."""
        ...

    def develop(self, method: str, params: list[Any]) -> Any:
        """Run a ``dev_*`` method."""
        ...


class Session:
    """The state of one connection; ``send`` hands it a message to put on the wire."""

    _ids = itertools.count(1)

    def __init__(self, host: Host, send: Callable[[bytes], None]) -> None:
        self._host = host
        self._send = send
        self._heads: dict[str, str] = {}
        self._storage: dict[str, frozenset[bytes]] = {}
        self._versions: set[str] = set()
        self._watched: dict[str, tuple[Entry, Callable[[Status], None]]] = {}
        self._deferred: list[bytes] | None = None

    # -- requests ------------------------------------------------------------------------------

    def receive(self, frame: str | bytes) -> list[bytes]:
        """The messages that answer one frame: the reply, then what it set off."""
        self._deferred = []
        try:
            reply = answer(frame, self._handle)
            return self._deferred if reply is None else [reply, *self._deferred]
        finally:
            self._deferred = None

    def _handle(self, method: str, params: list[Any]) -> Any:
        read = METHODS.get(method)
        if read is not None:
            return read(self._host.chain, params)
        if method in _HEADS:
            return self._subscribe_heads(_HEADS[method])
        if method in _UNSUBSCRIBE:
            return self._unsubscribe(params)
        own = _OWN.get(method)
        if own is not None:
            return own(self, params)
        if method.startswith("dev_"):
            return self._host.develop(method, params)
        raise RpcError(METHOD_NOT_FOUND, "Method not found", method)

    # -- subscriptions -------------------------------------------------------------------------

    def _new_id(self) -> str:
        count = len(self._heads) + len(self._storage) + len(self._versions) + len(self._watched)
        if count >= MAX_SUBSCRIPTIONS:
            raise RpcError(TOO_MANY_SUBSCRIPTIONS, "Too many subscriptions on the connection")
        return f"s{next(self._ids):015x}"

    def _notify(self, method: str, subscription: str, result: Any) -> None:
        message = notification(method, subscription, result)
        if self._deferred is not None:
            self._deferred.append(message)
        else:
            self._send(message)

    def _subscribe_heads(self, method: str) -> str:
        subscription = self._new_id()
        self._heads[subscription] = method
        self._notify(method, subscription, self._host.chain.head.header.json)
        return subscription

    def _subscribe_storage(self, params: list[Any]) -> str:
        keys = optional(params, 0)
        if not isinstance(keys, list) or len(keys) > MAX_WATCHED_KEYS:
            raise invalid(f"keys must be a list of at most {MAX_WATCHED_KEYS}")
        watched = [hex_bytes(key, "key") for key in keys]
        subscription = self._new_id()
        self._storage[subscription] = frozenset(watched)
        chain = self._host.chain
        changes = [[hexed(key), hexed(chain.state.raw(key))] for key in watched]
        self._notify("state_storage", subscription, {"block": hexed(chain.head.hash), "changes": changes})
        return subscription

    def _subscribe_runtime_version(self, params: list[Any]) -> str:
        subscription = self._new_id()
        self._versions.add(subscription)
        self._notify("state_runtimeVersion", subscription, runtime_version(self._host.chain.profile))
        return subscription

    def _unsubscribe(self, params: list[Any]) -> bool:
        subscription = text(required(params, 0, "subscription"), "subscription")
        watched = self._watched.pop(subscription, None)
        if watched is not None:
            entry, watcher = watched
            if watcher in entry.watchers:
                entry.watchers.remove(watcher)
            return True
        if self._heads.pop(subscription, None) or self._storage.pop(subscription, None) is not None:
            return True
        if subscription in self._versions:
            self._versions.discard(subscription)
            return True
        return False

    # -- transactions --------------------------------------------------------------------------

    def _decode(self, params: list[Any]) -> Extrinsic:
        return self._host.chain.decode(hex_bytes(required(params, 0, "extrinsic"), "extrinsic"))

    def _submit(self, params: list[Any]) -> str | None:
        return hexed(self._host.submit(self._decode(params)).extrinsic.hash)

    def _submit_and_watch(self, params: list[Any]) -> str:
        extrinsic = self._decode(params)
        subscription = self._new_id()
        entry = self._host.submit(extrinsic)

        def watcher(status: Status) -> None:
            self._notify("author_extrinsicUpdate", subscription, status)
            if (next(iter(status)) if isinstance(status, dict) else status) in _FINAL_STATUSES:
                self._watched.pop(subscription, None)

        entry.watchers.append(watcher)
        self._watched[subscription] = (entry, watcher)
        due = self._host.chain.account_nonce(entry.sender) == entry.nonce
        watcher("ready" if due else "future")
        return subscription

    def _rpc_methods(self, params: list[Any]) -> Any:
        names = {*METHODS, *_HEADS, *_UNSUBSCRIBE, *_OWN, *dev.names()}
        return {"methods": sorted(names)}

    # -- the chain moved -----------------------------------------------------------------------

    def sealed(self, sealed: Sealed) -> None:
        """Tell this connection of a new block."""
        header = sealed.block.header.json
        for subscription, method in list(self._heads.items()):
            self._notify(method, subscription, header)
        self.changed(sealed.block.hash, sealed.writes)

    def changed(self, block: bytes, writes: Writes) -> None:
        """Tell this connection of changed storage."""
        for subscription, keys in list(self._storage.items()):
            changes = [[hexed(key), hexed(value)] for key, value in writes.items() if key in keys]
            if changes:
                self._notify("state_storage", subscription, {"block": hexed(block), "changes": changes})

    def close(self) -> None:
        """Stop watching; the transactions themselves stay in the pool."""
        for entry, watcher in self._watched.values():
            if watcher in entry.watchers:
                entry.watchers.remove(watcher)
        self._watched.clear()
        self._heads.clear()
        self._storage.clear()
        self._versions.clear()


_OWN: dict[str, Callable[[Session, list[Any]], Any]] = {
    "state_subscribeStorage": Session._subscribe_storage,
    "state_subscribeRuntimeVersion": Session._subscribe_runtime_version,
    "author_submitExtrinsic": Session._submit,
    "author_submitAndWatchExtrinsic": Session._submit_and_watch,
    "rpc_methods": Session._rpc_methods,
}
