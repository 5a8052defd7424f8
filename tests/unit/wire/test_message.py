"""Routes, their rules, and the two encodings."""

import math

import msgspec
import pytest

from taostack.wire import Message, Route, RouteError, StreamRoute, V10Shape
from taostack.wire.message import DECODE_ERRORS, JSON, MSGPACK, Codec, all_finite, holds_floats
from tests.integration.wire.support import SAY, Ask, Said


class Numbers(Message, frozen=True):
    """Floats at several depths."""

    one: float = 0.0
    many: tuple[float, ...] = ()
    table: dict[str, tuple[float, ...]] | None = None


class Words(Message, frozen=True):
    """No float anywhere."""

    words: list[str]
    counts: dict[str, int] | None = None


class Loose(msgspec.Struct):
    """Lets unknown fields through."""

    text: str


def test_a_route_has_its_name_and_version_in_its_path() -> None:
    assert SAY.path == "/say/v1"
    assert Route("reasonforge.task", 3, Ask, Said).path == "/reasonforge.task/v3"


@pytest.mark.parametrize(("name", "version"), [("Say", 1), ("", 1), ("a/b", 1), ("x" * 65, 1), ("say", 0), ("ä", 1)])
def test_a_route_with_a_bad_name_or_version_is_refused(name: str, version: int) -> None:
    with pytest.raises(RouteError):
        Route(name, version, Ask, Said)


def test_message_types_must_refuse_unknown_fields() -> None:
    with pytest.raises(RouteError, match="unknown fields"):
        Route("loose", 1, Loose, Said)
    with pytest.raises(RouteError, match="Struct"):
        StreamRoute("loose", 1, Ask, dict)


@pytest.mark.parametrize("media", [JSON, MSGPACK])
def test_a_message_survives_both_encodings(media: str) -> None:
    codec = Codec(Numbers)
    value = Numbers(one=0.5, many=(1.0, 2.5), table={"a": (3.0,)})
    assert codec.decode(codec.encode(value, media), media) == value


@pytest.mark.parametrize("media", [JSON, MSGPACK])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["one", "many", "table"])
def test_numbers_that_are_not_finite_do_not_get_through(media: str, bad: float, where: str) -> None:
    codec = Codec(Numbers)
    value = {"one": Numbers(one=bad), "many": Numbers(many=(1.0, bad)), "table": Numbers(table={"a": (bad,)})}[where]
    with pytest.raises(DECODE_ERRORS):
        codec.decode(codec.encode(value, media), media)


def test_only_types_with_floats_are_searched_for_them() -> None:
    class Nested(Message, frozen=True):
        inner: list[Numbers]

    class Chain(Message, frozen=True):
        following: "list[Words] | None" = None

    assert holds_floats(Nested)
    assert not holds_floats(Words)
    assert not holds_floats(Chain)
    assert all_finite([1, "a", {"b": 2.0}, None, {3.0}])
    assert not all_finite(Nested(inner=[Numbers(one=math.nan)]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"words":[]',
        b'{"words":[],"more":1}',
        b'{"words":[1]}',
        b'{"words":["\xff"]}',
        b'{"words":[],"counts":{"a":' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
        b'{"words":' + b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("media", [JSON, MSGPACK])
def test_garbage_raises_only_what_is_named(body: bytes, media: str) -> None:
    with pytest.raises(DECODE_ERRORS):
        Codec(Words).decode(body, media)


def test_a_synapse_without_hash_fields_must_be_allowed_by_name() -> None:
    with pytest.raises(RouteError, match="nothing protects its body"):
        Route("say", 1, Ask, Said, v10=V10Shape("Say"))
    assert Route("say", 1, Ask, Said, v10=V10Shape("Say", unhashed=True)).v10 is not None


def test_a_synapse_must_fit_the_messages() -> None:
    class Reserved(Message, frozen=True):
        timeout: float = 0.0

    class Renamed(Message, frozen=True, rename="camel"):
        some_text: str = ""

    with pytest.raises(RouteError, match="no field of the request"):
        Route("say", 1, Ask, Said, v10=V10Shape("Say", ("text",)))
    with pytest.raises(RouteError, match="class name"):
        Route("say", 1, Ask, Said, v10=V10Shape("not a name", ("prompt",)))
    with pytest.raises(RouteError, match="reserved"):
        Route("say", 1, Reserved, Said, v10=V10Shape("Say", ("timeout",)))
    with pytest.raises(RouteError, match="renames"):
        Route("say", 1, Renamed, Said, v10=V10Shape("Say", ("some_text",)))
