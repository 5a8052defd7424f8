"""The items of one streamed reply, as they come, and the verdict at their end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from taostack.wire import answer, stream
from taostack.wire.answer import Failure
from taostack.wire.endpoint import Endpoint
from taostack.wire.errors import StreamBrokenError
from taostack.wire.message import DECODE_ERRORS, JSON, StreamRoute
from taostack.wire.transport import Incoming, TransportError

Item = TypeVar("Item", bound=msgspec.Struct)


class ReplyStream(Generic[Item]):
    """An async iterator of items.

    It ends normally only after a trailer that the endpoint's hotkey signed over
    everything that came (``authentic`` is then true; with v10, which has no
    trailer, it stays false). Otherwise it raises ``StreamBrokenError`` whose
    ``failure`` says why.
    """

    def __init__(
        self,
        incoming: Incoming,
        route: StreamRoute[Any, Item],
        endpoint: Endpoint,
        *,
        nonce_ns: int,
        sender: str,
        ends_at: float,
        item_limit_bytes: int,
    ) -> None:
        self.status = incoming.status
        self.headers: Mapping[str, str] = incoming.headers
        self.authentic = False
        self._chunks = incoming.chunks
        self._route = route
        self._endpoint = endpoint
        self._nonce_ns = nonce_ns
        self._sender = sender
        self._ends_at = ends_at
        self._limit = item_limit_bytes
        self._items = self._read()

    @property
    def framed(self) -> bool:
        """Whether the response is a stream of the endpoint's dialect."""
        media = self.headers.get("Content-Type", "").partition(";")[0]
        return self._endpoint.protocol == "v10" or media == stream.MEDIA_TYPE

    def __aiter__(self) -> AsyncIterator[Item]:
        return self

    async def __anext__(self) -> Item:
        return await anext(self._items)

    async def drain(self, limit_bytes: int) -> bytes:
        """What came instead of a stream, at most ``limit_bytes`` of it."""
        received = b""
        try:
            while len(received) < limit_bytes:
                received += await self._next_chunk()
        except (StopAsyncIteration, StreamBrokenError):
            pass
        return received[:limit_bytes]

    async def _next_chunk(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._ends_at):
                return await anext(self._chunks)
        except TimeoutError:
            raise StreamBrokenError(Failure(answer.TIMEOUT, "the stream did not end in time")) from None
        except TransportError as error:
            raise StreamBrokenError(Failure(error.code, str(error))) from None

    async def _read(self) -> AsyncIterator[Item]:
        if self._endpoint.protocol == "v10":
            async for item in self._read_v10():
                yield item
            return
        reader = stream.FrameReader(self._limit)
        media = self.headers.get(stream.ITEM_TYPE_HEADER, JSON)
        trailer: stream.Trailer | None = None
        while True:
            try:
                chunk = await self._next_chunk()
            except StopAsyncIteration:
                break
            try:
                for frame in reader.feed(chunk):
                    if frame.kind == stream.DATA:
                        yield self._route.reply_codec.decode(frame.payload, media)
                    else:
                        trailer = stream.read_trailer(
                            frame.payload,
                            reader,
                            responder=self._endpoint.hotkey,
                            nonce_ns=self._nonce_ns,
                            sender=self._sender,
                        )
            except DECODE_ERRORS as error:
                raise StreamBrokenError(Failure(answer.GARBAGE, str(error)[:200])) from None
        if trailer is None:
            raise StreamBrokenError(Failure(answer.DISCONNECTED, "the stream ended without its signed trailer"))
        self.authentic = True
        if trailer.outcome != "ok":
            raise StreamBrokenError(Failure(trailer.outcome, "the handler did not finish", 200, authentic=True))

    async def _read_v10(self) -> AsyncIterator[Item]:
        shape = self._route.v10
        while True:
            try:
                chunk = await self._next_chunk()
            except StopAsyncIteration:
                return
            try:
                if shape is not None and shape.from_chunk is not None:
                    yield shape.from_chunk(chunk)
                else:
                    yield self._route.reply_codec.decode(chunk, JSON)
            except DECODE_ERRORS as error:
                raise StreamBrokenError(Failure(answer.GARBAGE, str(error)[:200])) from None
