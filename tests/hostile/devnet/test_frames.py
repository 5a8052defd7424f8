"""Whatever arrives on the websocket is answered, and the next request still works."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from taostack.devnet import Devnet
from taostack.devnet.genesis import DEV_ACCOUNTS
from taostack.devnet.profile import load_profile
from taostack.devnet.rpc.server import MAX_FRAME_BYTES
from taostack.devnet.signing import compose, sign_call

WAIT_SECONDS = 20
INTERNAL_ERROR = -32603

# Stopping and cutting off are these methods' purpose; everything else is fair game.
SPARED = {"dev_dropConnections", "dev_pauseHeads", "dev_mine"}

fuzzed = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=40)
hexes = st.binary(max_size=60).map(lambda data: "0x" + data.hex())
hashes = st.binary(min_size=32, max_size=32).map(lambda data: "0x" + data.hex())
accounts = st.sampled_from(list(DEV_ACCOUNTS.values()))
values = st.recursive(
    scalars | hexes | hashes | accounts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with Devnet(seal="manual") as running:
        yield running


@pytest.fixture
def connection(devnet: Devnet) -> Iterator[ClientConnection]:
    with connect(devnet.url, max_size=None) as opened:
        yield opened


def reply(connection: ClientConnection, identifier: Any) -> Any:
    """The next reply with this id; subscriptions' messages and other replies are passed over."""
    while True:
        message = json.loads(connection.recv(WAIT_SECONDS))
        if isinstance(message, dict) and "method" not in message and message.get("id") == identifier:
            return message


def alive(connection: ClientConnection) -> None:
    connection.send('{"id":"alive","jsonrpc":"2.0","method":"chain_getHead","params":[]}')
    assert reply(connection, "alive")["result"].startswith("0x")


@pytest.fixture(scope="module")
def methods(devnet: Devnet) -> list[str]:
    with connect(devnet.url) as opened:
        opened.send('{"id":1,"method":"rpc_methods"}')
        return sorted(set(reply(opened, 1)["result"]["methods"]) - SPARED)


@fuzzed
@given(frame=st.text(max_size=200) | st.binary(max_size=200))
def test_any_frame_leaves_the_connection_usable(connection: ClientConnection, frame: str | bytes) -> None:
    try:
        connection.send(frame)
    except UnicodeEncodeError:
        return  # text that cannot be put on the wire at all
    alive(connection)


@fuzzed
@given(document=values)
def test_any_json_leaves_the_connection_usable(connection: ClientConnection, document: Any) -> None:
    connection.send(json.dumps(document))
    alive(connection)


@fuzzed
@given(data=st.data())
def test_any_parameters_are_answered_without_an_internal_error(
    connection: ClientConnection, methods: list[str], data: st.DataObject
) -> None:
    method = data.draw(st.sampled_from(methods))
    params = data.draw(st.lists(values, max_size=4))
    connection.send(json.dumps({"id": "f", "jsonrpc": "2.0", "method": method, "params": params}))
    answered = reply(connection, "f")
    assert ("result" in answered) != ("error" in answered)
    if "error" in answered:
        assert answered["error"]["code"] != INTERNAL_ERROR, (method, params, answered)
    alive(connection)


@fuzzed
@given(data=st.data())
def test_any_runtime_call_is_answered_without_an_internal_error(
    devnet: Devnet, connection: ClientConnection, data: st.DataObject
) -> None:
    apis = devnet.call(lambda node: sorted(node.chain.profile.codec.api_names))
    name = data.draw(st.sampled_from(apis)).replace(".", "_", 1)
    params = ["0x" + data.draw(st.binary(max_size=80)).hex()]
    connection.send(json.dumps({"id": "f", "method": "state_call", "params": [name, *params]}))
    answered = reply(connection, "f")
    if "error" in answered:
        assert answered["error"]["code"] != INTERNAL_ERROR, (name, params, answered)


def signed() -> bytes:
    codec = load_profile(250).codec
    call = compose(codec, "Balances.transfer_keep_alive", {"dest": DEV_ACCOUNTS["//Bob"], "value": 1})
    return sign_call(codec, "//Alice", call, nonce=0, genesis_hash=bytes(32))


SIGNED = signed()


@fuzzed
@given(
    raw=st.binary(max_size=300)
    | st.builds(
        lambda at, byte: SIGNED[:at] + bytes((byte,)) + SIGNED[at + 1 :],
        st.integers(0, len(SIGNED) - 1),
        st.integers(0, 255),
    )
    | st.builds(lambda end: SIGNED[:end], st.integers(0, len(SIGNED)))
)
def test_any_extrinsic_is_refused_in_words(devnet: Devnet, connection: ClientConnection, raw: bytes) -> None:
    for method in ("author_submitExtrinsic", "payment_queryInfo"):
        connection.send(json.dumps({"id": "f", "method": method, "params": ["0x" + raw.hex()]}))
        answered = reply(connection, "f")
        if method == "author_submitExtrinsic":
            assert answered["error"]["code"] in (1001, 1010, 1011), answered
    assert devnet.call(lambda node: len(node.chain.pool)) == 0


@pytest.mark.parametrize("depth", [255, 300, 5_000, 100_000])
@pytest.mark.parametrize("wrapper", ["0c00", "0b0004"])
def test_calls_nested_without_end_are_refused(connection: ClientConnection, wrapper: str, depth: int) -> None:
    call = bytes.fromhex(wrapper) * depth + bytes.fromhex("00000400")
    at = SIGNED.index(bytes.fromhex("0503"))
    body = SIGNED[2:at] + call
    length = len(body) << 2 | 2
    raw = length.to_bytes(4, "little") + body
    connection.send(json.dumps({"id": "f", "method": "author_submitExtrinsic", "params": ["0x" + raw.hex()]}))
    assert reply(connection, "f")["error"]["code"] in (1001, 1010)
    alive(connection)


def test_an_oversized_frame_ends_only_its_own_connection(devnet: Devnet) -> None:
    with connect(devnet.url, max_size=None) as greedy:
        with pytest.raises(ConnectionClosed) as closed:
            greedy.send("x" * (MAX_FRAME_BYTES + 1))
            greedy.recv(WAIT_SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    with connect(devnet.url) as other:
        alive(other)


def test_a_large_batch_of_mixed_requests_is_answered_one_by_one(connection: ClientConnection) -> None:
    batch = [{"id": n, "method": ("chain_getHead", "nope", "chain_getHeader")[n % 3]} for n in range(999)]
    connection.send(json.dumps(batch))
    answered = json.loads(connection.recv(WAIT_SECONDS))
    assert [each["id"] for each in answered] == list(range(999))
    assert all(("error" in each) == (each["id"] % 3 == 1) for each in answered)


def test_a_client_that_subscribes_and_leaves_is_forgotten(devnet: Devnet) -> None:
    for _ in range(20):
        with connect(devnet.url) as opened:
            opened.send('{"id":1,"method":"chain_subscribeNewHeads"}')
            opened.recv(WAIT_SECONDS)
    devnet.mine(3)
    with connect(devnet.url) as opened:
        alive(opened)
        assert devnet.call(lambda node: node._server.connections) == 1
