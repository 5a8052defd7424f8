"""The read methods of a Substrate node, as both SDKs call them."""

from collections.abc import Callable
from typing import Any

from taostack.devnet.author import Chain
from taostack.devnet.block import Block
from taostack.devnet.pallets import transaction_payment
from taostack.devnet.profile import RuntimeProfile
from taostack.devnet.rpc.params import address, block_hash, hex_bytes, invalid, number, optional, required, text
from taostack.devnet.rpc.protocol import CLIENT_ERROR, RpcError
from taostack.devnet.store import DiscardedError, Reader, page

MAX_PAGE = 1_000
_TOO_MANY_KEYS = 4002

Method = Callable[[Chain, list[Any]], Any]
METHODS: dict[str, Method] = {}


def method(*names: str) -> Callable[[Method], Method]:
    """Register a function under one or more method names."""

    def register(function: Method) -> Method:
        for name in names:
            METHODS[name] = function
        return function

    return register


def hexed(data: bytes | None) -> str | None:
    """``0x`` and hexadecimal digits, or None."""
    return None if data is None else "0x" + data.hex()


def state_at(chain: Chain, at: bytes | None) -> Reader:
    """The state after a block; for one that is not kept, the error that makes an SDK ask an archive node."""
    try:
        return chain.state_at(at)
    except DiscardedError:
        known = f"0x{at.hex()}" if at is not None else ""
        raise RpcError(CLIENT_ERROR, f"Client error: UnknownBlock: State already discarded for {known}") from None


# --- chain --------------------------------------------------------------------------------------


@method("chain_getHead", "chain_getFinalizedHead", "chain_getFinalisedHead")
def chain_get_head(chain: Chain, params: list[Any]) -> Any:
    """The head's hash; every block is final."""
    return hexed(chain.head.hash)


@method("chain_getBlockHash")
def chain_get_block_hash(chain: Chain, params: list[Any]) -> Any:
    """The hash at a height, at each of several heights, or of the head."""
    height = optional(params, 0)
    if height is None:
        return hexed(chain.head.hash)
    if isinstance(height, list):
        if len(height) > MAX_PAGE:
            raise invalid(f"at most {MAX_PAGE} heights at once")
        return [hexed(chain.hash_at(number(each, "height"))) for each in height]
    return hexed(chain.hash_at(number(height, "height")))


def _block(chain: Chain, params: list[Any]) -> Block | None:
    at = block_hash(params, 0)
    return chain.head if at is None else chain.block_by_hash(at)


@method("chain_getHeader")
def chain_get_header(chain: Chain, params: list[Any]) -> Any:
    """A header, or null."""
    block = _block(chain, params)
    return None if block is None else block.header.json


@method("chain_getBlock")
def chain_get_block(chain: Chain, params: list[Any]) -> Any:
    """A block with its extrinsics, or null."""
    block = _block(chain, params)
    if block is None:
        return None
    return {
        "block": {"header": block.header.json, "extrinsics": [hexed(each) for each in block.extrinsics]},
        "justifications": None,
    }


# --- state --------------------------------------------------------------------------------------


def runtime_version(profile: RuntimeProfile) -> dict[str, Any]:
    """``state_getRuntimeVersion``'s answer, from the metadata's own constant."""
    version = profile.codec.constant("System", "Version")
    return {
        "specName": version["spec_name"],
        "implName": version["impl_name"],
        "authoringVersion": version["authoring_version"],
        "specVersion": profile.spec_version,
        "implVersion": version["impl_version"],
        "apis": [[name, number] for name, number in version["apis"]],
        "transactionVersion": profile.transaction_version,
        "systemVersion": version["system_version"],
        "stateVersion": version["system_version"],
    }


@method("state_getRuntimeVersion", "chain_getRuntimeVersion")
def state_get_runtime_version(chain: Chain, params: list[Any]) -> Any:
    """The runtime never changes, so every block has the same answer; a dropped one has it while its child is kept.

    SDKs ask it of the head's parent, which a chain from a state file does not have.
    """
    at = block_hash(params, 0)
    if at is None or at != chain.oldest_parent:
        state_at(chain, at)
    return runtime_version(chain.profile)


@method("state_getMetadata")
def state_get_metadata(chain: Chain, params: list[Any]) -> Any:
    """Metadata, V14."""
    state_at(chain, block_hash(params, 0))
    return hexed(chain.profile.metadata_v14)


@method("state_call", "state_callAt")
def state_call(chain: Chain, params: list[Any]) -> Any:
    """A runtime API call: ``Api_method``, SCALE parameters, block."""
    name = text(required(params, 0, "method"), "method")
    data = hex_bytes(required(params, 1, "parameters"), "parameters")
    at = block_hash(params, 2)
    state_at(chain, at)
    api, _, member = name.partition("_")
    if not chain.has_api(f"{api}.{member}"):
        raise RpcError(CLIENT_ERROR, f"Client error: Execution failed: Exported method {name} is not found")
    return hexed(chain.call_api(f"{api}.{member}", data, at))


@method("state_getStorage", "state_getStorageAt")
def state_get_storage(chain: Chain, params: list[Any]) -> Any:
    """One value, or null."""
    key = hex_bytes(required(params, 0, "key"), "key")
    return hexed(state_at(chain, block_hash(params, 1)).raw(key))


@method("state_getStorageSize", "state_getStorageSizeAt")
def state_get_storage_size(chain: Chain, params: list[Any]) -> Any:
    """The length of one value, or null."""
    value = state_at(chain, block_hash(params, 1)).raw(hex_bytes(required(params, 0, "key"), "key"))
    return None if value is None else len(value)


def _keys(params: list[Any]) -> list[bytes]:
    keys = required(params, 0, "keys")
    if not isinstance(keys, list):
        raise invalid("keys must be a list")
    return [hex_bytes(each, "key") for each in keys]


@method("state_queryStorageAt")
def state_query_storage_at(chain: Chain, params: list[Any]) -> Any:
    """Many values of one block."""
    at = block_hash(params, 1)
    state = state_at(chain, at)
    changes = [[hexed(key), hexed(state.raw(key))] for key in _keys(params)]
    return [{"block": hexed(at or chain.head.hash), "changes": changes}]


@method("state_getKeysPaged", "state_getKeysPagedAt")
def state_get_keys_paged(chain: Chain, params: list[Any]) -> Any:
    """At most 1,000 keys under a prefix, after a start key."""
    prefix = b"" if optional(params, 0) is None else hex_bytes(params[0], "prefix")
    count = number(required(params, 1, "count"), "count", high=2**32 - 1)
    if count > MAX_PAGE:
        raise RpcError(_TOO_MANY_KEYS, f"count exceeds maximum value. value: {count}, max: {MAX_PAGE}")
    start = None if optional(params, 2) is None else hex_bytes(params[2], "start key")
    state = state_at(chain, block_hash(params, 3))
    return ["0x" + key.hex() for key in page(state, prefix, count, start)]


@method("state_getKeys")
def state_get_keys(chain: Chain, params: list[Any]) -> Any:
    """All keys under a prefix."""
    prefix = hex_bytes(required(params, 0, "prefix"), "prefix")
    return ["0x" + key.hex() for key in state_at(chain, block_hash(params, 1)).keys(prefix)]


# --- accounts and fees --------------------------------------------------------------------------


@method("account_nextIndex", "system_accountNextIndex")
def account_next_index(chain: Chain, params: list[Any]) -> Any:
    """The next free nonce, waiting transactions counted."""
    return chain.next_nonce(address(required(params, 0, "account")))


@method("author_pendingExtrinsics")
def author_pending_extrinsics(chain: Chain, params: list[Any]) -> Any:
    """Everything in the pool."""
    return [hexed(entry.extrinsic.raw) for entry in chain.pool.pending()]


@method("payment_queryInfo")
def payment_query_info(chain: Chain, params: list[Any]) -> Any:
    """Weight and fee of an extrinsic."""
    extrinsic = chain.decode(hex_bytes(required(params, 0, "extrinsic"), "extrinsic"))
    info = transaction_payment.dispatch_info(chain.profile.codec, extrinsic.decoded)
    return {
        "weight": {"ref_time": info.weight, "proof_size": info.proof_size},
        "class": info.dispatch_class.lower(),
        "partialFee": str(transaction_payment.fee(info, len(extrinsic.raw))),
    }


# --- system -------------------------------------------------------------------------------------

CHAIN_NAME = "Bittensor"
NODE_NAME = "taostack devnet"


@method("system_chain")
def system_chain(chain: Chain, params: list[Any]) -> Any:
    """The chain's name."""
    return CHAIN_NAME


@method("system_name")
def system_name(chain: Chain, params: list[Any]) -> Any:
    """The node's name."""
    return NODE_NAME


@method("system_version")
def system_version(chain: Chain, params: list[Any]) -> Any:
    """The node's version."""
    from taostack import __version__

    return __version__


@method("system_chainType")
def system_chain_type(chain: Chain, params: list[Any]) -> Any:
    """A development chain."""
    return "Development"


@method("system_properties")
def system_properties(chain: Chain, params: list[Any]) -> Any:
    """Address format and token."""
    return {"isEthereum": False, "ss58Format": 42, "tokenDecimals": 9, "tokenSymbol": "TAO"}


@method("system_health")
def system_health(chain: Chain, params: list[Any]) -> Any:
    """A node without peers that is never behind."""
    return {"peers": 0, "isSyncing": False, "shouldHavePeers": False}


@method("system_syncState")
def system_sync_state(chain: Chain, params: list[Any]) -> Any:
    """Head of the chain, three times."""
    return {"startingBlock": 0, "currentBlock": chain.number, "highestBlock": chain.number}


@method("system_peers")
def system_peers(chain: Chain, params: list[Any]) -> Any:
    """There are none."""
    return []
