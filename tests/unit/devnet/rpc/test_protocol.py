import json
from typing import Any

import pytest

from taostack.devnet.errors import UnknownNameError
from taostack.devnet.extrinsics import UndecodableError
from taostack.devnet.pallets.dispatch import DispatchFailed, PoolRejection
from taostack.devnet.rpc.protocol import MAX_BATCH, RpcError, answer, notification
from taostack.devnet.store import DiscardedError
from taostack.process.errors import StateError


def echo(method: str, params: list[Any]) -> Any:
    if method == "echo":
        return params
    raise RpcError(-32601, "Method not found", method)


def reply(frame: str | bytes, handle: Any = echo) -> Any:
    raw = answer(frame, handle)
    return None if raw is None else json.loads(raw)


@pytest.mark.parametrize("identifier", ["1", '"gC315"', "null", "1.0", "123456789012345678901234567890", '"\\u00e9"'])
def test_ids_are_echoed_byte_for_byte(identifier: str) -> None:
    raw = answer(f'{{"id":{identifier},"jsonrpc":"2.0","method":"echo","params":[]}}', echo)
    assert raw is not None
    assert raw.endswith(b',"id":' + identifier.encode() + b"}")


def test_parameters_may_be_left_out_or_null() -> None:
    assert reply('{"id":1,"method":"echo"}')["result"] == []
    assert reply('{"id":1,"method":"echo","params":null}')["result"] == []


def test_parameters_by_name_are_refused() -> None:
    assert reply('{"id":1,"method":"echo","params":{"a":1}}')["error"]["code"] == -32602


@pytest.mark.parametrize(
    "frame",
    ["", " ", "{", "nope", "[", '{"id":1,"method":"echo"', b"\xff\xfe", "[1", '{"id":1,"method":"echo"}}', "\ud800"],
)
def test_what_is_not_json_is_a_parse_error(frame: str | bytes) -> None:
    assert reply(frame) == {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": None}


@pytest.mark.parametrize(
    ("frame", "identifier"),
    [
        ("1", None),
        ('"x"', None),
        ("null", None),
        ("{}", None),
        ('{"id":7}', 7),
        ('{"id":"a","method":5}', "a"),
        ('{"id":[1],"method":5}', None),
        ("[]", None),
    ],
)
def test_json_that_is_no_request_is_an_invalid_request(frame: str, identifier: Any) -> None:
    answered = reply(frame)
    assert answered["error"]["code"] == -32600
    assert answered["id"] == identifier


def test_a_batch_is_answered_in_order_with_an_error_for_each_fault() -> None:
    batch = '[{"id":1,"method":"echo","params":[1]},{"id":2,"method":"x"},5,{"method":"echo"},{"id":3,"method":"echo"}]'
    answered = reply(batch)
    assert [each.get("id") for each in answered] == [1, 2, None, 3]
    assert [each.get("error", {}).get("code") for each in answered] == [None, -32601, -32600, None]


def test_notifications_have_no_answer() -> None:
    assert reply('{"method":"echo"}') is None
    assert reply('{"method":"unknown"}') is None
    assert reply('[{"method":"echo"}]') is None


def test_a_batch_may_not_be_too_large() -> None:
    assert reply("[" + ",".join(["{}"] * (MAX_BATCH + 1)) + "]")["error"]["code"] == -32010


def test_json_nested_without_end_is_a_parse_error() -> None:
    assert reply("[" * 100_000)["error"]["code"] == -32700
    assert reply('{"id":1,"method":"echo","params":' + "[" * 100_000)["error"]["code"] == -32700


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PoolRejection.custom(6), 1010),
        (DiscardedError("gone"), 4003),
        (UndecodableError("bad"), 1001),
        (UnknownNameError("no such"), -32602),
        (ValueError("bad"), -32602),
        (TypeError("bad"), -32602),
        (DispatchFailed({"BadOrigin": None}, "BadOrigin"), 4003),
        (StateError("now"), -32603),
        (KeyError("fault"), -32603),
    ],
)
def test_whatever_a_method_raises_has_an_error_reply(error: Exception, code: int) -> None:
    def fail(method: str, params: list[Any]) -> Any:
        raise error

    assert reply('{"id":1,"method":"x"}', fail)["error"]["code"] == code
    assert reply('{"method":"x"}', fail) is None


def test_a_pool_rejection_has_the_chain_s_own_words() -> None:
    def fail(method: str, params: list[Any]) -> Any:
        raise PoolRejection.stale()

    expected = {"code": 1010, "message": "Invalid Transaction", "data": "Transaction is outdated"}
    assert reply('{"id":1,"method":"x"}', fail)["error"] == expected


def test_a_notification_carries_its_subscription() -> None:
    assert json.loads(notification("chain_newHead", "s1", {"number": "0x1"})) == {
        "jsonrpc": "2.0",
        "method": "chain_newHead",
        "params": {"subscription": "s1", "result": {"number": "0x1"}},
    }
