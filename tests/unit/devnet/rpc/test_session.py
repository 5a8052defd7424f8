import json
from typing import Any

import pytest

from taostack.devnet.author import Chain, Limits
from taostack.devnet.codec import keypair
from taostack.devnet.extrinsics import Extrinsic
from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO
from taostack.devnet.pallets import balances
from taostack.devnet.pool import Entry
from taostack.devnet.profile import load_profile
from taostack.devnet.rpc.session import MAX_SUBSCRIPTIONS, Session
from taostack.devnet.signing import compose, sign_call

ALICE, BOB = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"]


class Host:
    """A node without network, clock and thread."""

    def __init__(self, keep_blocks: int = 100) -> None:
        self.chain = Chain(load_profile(250), Limits(keep_blocks=keep_blocks))
        self.sent: list[Any] = []
        self.session = Session(self, lambda message: self.sent.append(json.loads(message)))
        self.developed: list[tuple[str, list[Any]]] = []

    def submit(self, extrinsic: Extrinsic) -> Entry:
        return self.chain.submit(extrinsic)

    def develop(self, method: str, params: list[Any]) -> Any:
        self.developed.append((method, params))
        return "done"

    def messages(self, method: str, *params: Any) -> list[Any]:
        frame = json.dumps({"id": 1, "jsonrpc": "2.0", "method": method, "params": params})
        return [json.loads(each) for each in self.session.receive(frame)]

    def ask(self, method: str, *params: Any) -> Any:
        reply = self.messages(method, *params)[0]
        return reply["result"] if "result" in reply else reply["error"]

    def seal(self) -> str:
        sealed = self.chain.seal(self.chain.last_ms + 250)
        at = "0x" + sealed.block.hash.hex()
        for entry in sealed.included:
            entry.tell({"inBlock": at})
            entry.tell({"finalized": at})
        self.session.sealed(sealed)
        return at

    def remark(self, nonce: int, text: bytes = b"x") -> str:
        codec = self.chain.profile.codec
        call = compose(codec, "System.remark", {"remark": text})
        return "0x" + sign_call(codec, "//Alice", call, nonce=nonce, genesis_hash=self.chain.genesis_hash).hex()


@pytest.fixture
def host() -> Host:
    return Host()


def key(host: Host, pallet: str, item: str, *keys: Any) -> str:
    return "0x" + host.chain.state.codec.key(pallet, item, keys).hex()


def test_hashes_headers_and_blocks(host: Host) -> None:
    first = host.seal()
    head = host.seal()
    assert host.ask("chain_getHead") == host.ask("chain_getFinalizedHead") == host.ask("chain_getBlockHash") == head
    assert host.ask("chain_getBlockHash", 1) == host.ask("chain_getBlockHash", "0x1") == first
    assert host.ask("chain_getBlockHash", [0, 1, 9])[1:] == [first, None]
    header = host.ask("chain_getHeader", head)
    assert header["number"] == "0x2"
    assert header["parentHash"] == first
    assert header["digest"]["logs"][0].startswith("0x0661757261")
    assert host.ask("chain_getHeader")["number"] == "0x2"
    assert host.ask("chain_getHeader", "0x" + "00" * 32) is None
    block = host.ask("chain_getBlock", head)
    assert block["block"]["header"] == header
    assert len(block["block"]["extrinsics"]) == 1
    assert block["justifications"] is None
    assert host.ask("chain_getBlock", "0x" + "00" * 32) is None


def test_the_runtime_version_has_every_field_that_clients_need(host: Host) -> None:
    version = host.ask("state_getRuntimeVersion", None)
    assert version["specName"] == "node-subtensor"
    assert (version["specVersion"], version["transactionVersion"]) == (461, 1)
    assert all(isinstance(name, str) and isinstance(number, int) for name, number in version["apis"])


def test_metadata_is_served_in_both_versions(host: Host) -> None:
    profile = host.chain.profile
    assert host.ask("state_getMetadata") == "0x" + profile.metadata_v14.hex()
    for version, blob in ((14, profile.metadata_v14), (15, profile.metadata_v15)):
        answer = host.ask("state_call", "Metadata_metadata_at_version", f"0x{version:02x}000000")
        assert answer.startswith("0x01")
        assert answer.endswith(blob.hex())
    assert host.ask("state_call", "Metadata_metadata_at_version", "0x10000000") == "0x00"
    assert host.ask("state_call", "Metadata_metadata", "0x").endswith(profile.metadata_v14.hex())
    assert host.ask("state_call", "Metadata_metadata_versions", "0x") == "0x080e0000000f000000"


def test_storage_is_read_now_and_then(host: Host) -> None:
    account = key(host, "System", "Account", BOB)
    before = host.ask("state_getStorage", account)
    at = host.seal()
    host.chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 5_000))
    host.seal()
    host.chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 6_000))
    assert host.ask("state_getStorageAt", account, host.ask("chain_getBlockHash", 0)) == before
    assert host.ask("state_getStorage", account, at) != before
    assert host.ask("state_getStorage", "0x" + "00" * 40) is None
    assert host.ask("state_getStorageSize", account) == (len(before) - 2) // 2
    assert host.ask("state_getStorageSize", "0x" + "00" * 40) is None
    queried = host.ask("state_queryStorageAt", [account, "0x" + "00" * 40], host.ask("chain_getBlockHash", 0))
    assert queried[0]["changes"] == [[account, before], ["0x" + "00" * 40, None]]


def test_keys_come_in_pages(host: Host) -> None:
    prefix = key(host, "System", "Account")
    whole = host.ask("state_getKeys", prefix)
    assert len(whole) >= len(DEV_ACCOUNTS)
    first = host.ask("state_getKeysPaged", prefix, 2, prefix)
    rest = host.ask("state_getKeysPaged", prefix, 1_000, first[-1], host.ask("chain_getHead"))
    assert first + rest == whole
    assert len(host.ask("state_getKeysPaged", None, 5, None)) == 5
    assert host.ask("state_getKeysPaged", prefix, 1_001)["code"] == 4002


def test_an_unknown_or_dropped_block_is_told_so_that_an_sdk_asks_an_archive() -> None:
    host = Host(keep_blocks=2)
    old = host.seal()
    for _ in range(5):
        host.seal()
    unknown = "0x" + "11" * 32
    for at in (old, unknown):
        error = host.ask("state_getStorage", "0x00", at)
        assert error["code"] == 4003
        assert error["message"] == f"Client error: UnknownBlock: State already discarded for {at}"
        assert host.ask("state_call", "Core_version", "0x", at)["code"] == 4003


def test_an_unknown_runtime_api_is_told_as_a_node_tells_it(host: Host) -> None:
    error = host.ask("state_call", "Nope_nope", "0x")
    assert error["message"] == "Client error: Execution failed: Exported method Nope_nope is not found"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("chain_getBlockHash", ["zz"]),
        ("chain_getBlockHash", [-1]),
        ("chain_getBlockHash", [1.5]),
        ("chain_getBlockHash", [True]),
        ("chain_getBlockHash", [[0] * 1_001]),
        ("chain_getHeader", ["0x12"]),
        ("chain_getHeader", [5]),
        ("state_getStorage", []),
        ("state_getStorage", [5]),
        ("state_getStorage", ["0xzz"]),
        ("state_queryStorageAt", ["0x00"]),
        ("state_call", [5, "0x"]),
        ("state_call", ["AccountNonceApi_account_nonce", "0x00"]),
        ("account_nextIndex", ["nobody"]),
        ("account_nextIndex", [5]),
        ("author_unwatchExtrinsic", [5]),
        ("state_subscribeStorage", ["0x00"]),
        ("state_subscribeStorage", []),
    ],
)
def test_wrong_parameters_are_told(host: Host, method: str, params: list[Any]) -> None:
    assert host.ask(method, *params)["code"] == -32602


def test_nonces_count_what_waits(host: Host) -> None:
    assert host.ask("account_nextIndex", ALICE) == 0
    host.ask("author_submitExtrinsic", host.remark(0))
    assert host.ask("system_accountNextIndex", ALICE) == 1
    assert host.ask("author_pendingExtrinsics") == [host.chain.pool.pending()[0].extrinsic.raw.hex().join(["0x", ""])]
    public_key = bytes(keypair("//Alice").public_key).hex()
    assert host.ask("state_call", "AccountNonceApi_account_nonce", public_key) == "0x00000000"


def test_fees_are_told_before_they_are_paid(host: Host) -> None:
    raw = host.remark(0)
    info = host.ask("payment_queryInfo", raw)
    length = (len(raw) - 2) // 2
    encoded = raw + length.to_bytes(4, "little").hex()
    codec = host.chain.profile.codec
    for name in ("query_info", "query_fee_details"):
        shape = codec.api(f"TransactionPaymentApi.{name}")
        answer = host.ask("state_call", f"TransactionPaymentApi_{name}", encoded)
        assert shape is not None
        decoded = codec.decode(shape.output, bytes.fromhex(answer[2:]))
        if name == "query_info":
            assert str(decoded["partial_fee"]) == info["partialFee"]
        else:
            assert str(sum(decoded["inclusion_fee"].values())) == info["partialFee"]
    balance = balances.free_balance(host.chain.state, ALICE)
    host.ask("author_submitExtrinsic", raw)
    host.seal()
    assert balance - balances.free_balance(host.chain.state, ALICE) == int(info["partialFee"])
    assert host.ask("state_call", "TransactionPaymentApi_query_length_to_fee", "0x05000000") == "0x0500000000000000"
    assert host.ask("state_call", "TransactionPaymentApi_query_info", "0x00")["code"] in (-32602, 1001)
    assert host.ask("state_call", "AuraApi_slot_duration", "0x") == "0xfa00000000000000"


def test_the_node_introduces_itself(host: Host) -> None:
    assert host.ask("system_properties")["ss58Format"] == 42
    assert host.ask("system_health")["isSyncing"] is False
    assert host.ask("system_syncState")["currentBlock"] == 0
    assert host.ask("system_peers") == []
    assert host.ask("system_chainType") == "Development"
    for name in ("system_chain", "system_name", "system_version"):
        assert isinstance(host.ask(name), str)
    assert {"chain_getHead", "dev_mine", "author_submitAndWatchExtrinsic"} <= set(host.ask("rpc_methods")["methods"])


def test_heads_are_streamed_from_the_present_one_on(host: Host) -> None:
    reply, first = host.messages("chain_subscribeNewHeads")
    assert first["method"] == "chain_newHead"
    assert first["params"]["subscription"] == reply["result"]
    final = host.ask("chain_subscribeFinalizedHeads")
    host.seal()
    assert [each["method"] for each in host.sent] == ["chain_newHead", "chain_finalizedHead"]
    assert host.sent[0]["params"]["result"]["number"] == "0x1"
    assert host.ask("chain_unsubscribeNewHeads", reply["result"]) is True
    assert host.ask("chain_unsubscribeNewHeads", reply["result"]) is False
    host.seal()
    assert len(host.sent) == 3
    host.ask("chain_unsubscribeFinalizedHeads", final)


def test_watched_storage_is_told_when_it_changes(host: Host) -> None:
    account = key(host, "System", "Account", BOB)
    reply, first = host.messages("state_subscribeStorage", [account])
    assert first["params"]["result"]["changes"][0][0] == account
    host.seal()
    assert host.sent == []
    _, writes = host.chain.patch(lambda ctx: balances.set_free(ctx.state, BOB, 5_000))
    host.session.changed(host.chain.head.hash, writes)
    assert host.sent[0]["method"] == "state_storage"
    assert host.ask("state_unsubscribeStorage", reply["result"]) is True


def test_the_runtime_version_can_be_watched(host: Host) -> None:
    reply, first = host.messages("state_subscribeRuntimeVersion")
    assert first["params"]["result"]["specVersion"] == 461
    assert host.ask("state_unsubscribeRuntimeVersion", reply["result"]) is True


def test_a_watched_transaction_goes_from_ready_to_finalized(host: Host) -> None:
    reply, ready = host.messages("author_submitAndWatchExtrinsic", host.remark(0))
    assert ready["params"] == {"subscription": reply["result"], "result": "ready"}
    at = host.seal()
    assert [each["params"]["result"] for each in host.sent] == [{"inBlock": at}, {"finalized": at}]
    assert host.ask("author_unwatchExtrinsic", reply["result"]) is False


def test_a_future_transaction_says_so_and_can_be_left_alone(host: Host) -> None:
    reply, future = host.messages("author_submitAndWatchExtrinsic", host.remark(3))
    assert future["params"]["result"] == "future"
    assert host.ask("author_unwatchExtrinsic", reply["result"]) is True
    assert host.chain.pool.pending()[0].watchers == []


def test_a_refused_transaction_is_an_error_and_no_subscription(host: Host) -> None:
    assert host.ask("author_submitAndWatchExtrinsic", host.remark(0)[:-2] + "00")["code"] in (1001, 1010)
    assert host.ask("author_submitExtrinsic", "0x00")["code"] == 1001


def test_subscriptions_are_bounded(host: Host) -> None:
    for _ in range(MAX_SUBSCRIPTIONS):
        host.ask("chain_subscribeNewHeads")
    assert host.ask("chain_subscribeNewHeads")["code"] == -32006


def test_a_closed_session_hears_nothing_more(host: Host) -> None:
    host.ask("chain_subscribeNewHeads")
    host.ask("author_submitAndWatchExtrinsic", host.remark(0))
    host.session.close()
    host.seal()
    assert host.sent == []


def test_dev_methods_go_to_the_node_and_others_do_not_exist(host: Host) -> None:
    assert host.ask("dev_mine", 3) == "done"
    assert host.developed == [("dev_mine", [3])]
    assert host.ask("nope") == {"code": -32601, "message": "Method not found", "data": "nope"}
    assert balances.free_balance(host.chain.state, ALICE) == DEV_BALANCE_RAO
