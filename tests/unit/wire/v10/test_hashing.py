"""The v10 body hash speaks Python's ``str``."""

from typing import Any

import msgspec
import pytest

from taostack.wire import Message
from taostack.wire.v10.hashing import body_hash, message_hash, plain


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
        (("hello", 3), "24cf12887e6c5561e2324a8502632b91ab190cb95c64e423290c141641613abb"),
        ((["a", "é"], {"k": 0.1}, 2.0, True), "126869e34d24494ff60492de0e06eed951baacf1f1a538a5d71c4abf952631fe"),
    ],
)
def test_vectors_taken_from_bittensor_10_hold(values: tuple[Any, ...], expected: str) -> None:
    assert body_hash(values) == expected


def test_json_values_are_coerced_by_the_type_before_they_are_hashed() -> None:
    class Mixed(Message, frozen=True):
        names: list[str]
        table: dict[str, float]
        number: float
        flag: bool

    sent = b'{"names":["a","\xc3\xa9"],"table":{"k":0.1},"number":2,"flag":true}'
    message = msgspec.json.decode(sent, type=Mixed)
    assert message_hash(message, ("names", "table", "number", "flag")) == (
        "126869e34d24494ff60492de0e06eed951baacf1f1a538a5d71c4abf952631fe"
    )


def test_nested_messages_hash_as_the_dictionaries_that_v10_dumps() -> None:
    class Inner(Message, frozen=True):
        a: int
        b: tuple[int, ...] = ()

    assert plain([Inner(a=1, b=(2,)), {"x": (Inner(a=3),)}]) == [{"a": 1, "b": (2,)}, {"x": ({"a": 3, "b": ()},)}]
