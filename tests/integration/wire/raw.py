"""HTTP by hand: bytes out, bytes in, over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager


def request(target: str, headers: Mapping[str, str], body: bytes, *, method: str = "POST") -> bytes:
    """The bytes of one request that asks for the connection to be closed."""
    lines = [f"{method} {target} HTTP/1.1", "Host: axon", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def exchange(port: int, data: bytes, *, seconds: float = 5.0, end: bool = False) -> bytes:
    """Send ``data`` and read until the server closes; ``TimeoutError`` when it does not."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            await writer.drain()
            if end:
                writer.write_eof()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


async def answer_once(port: int, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """One whole exchange."""
    return await exchange(port, request(target, headers, body))


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def hand_made_server(serve: Serve) -> AsyncIterator[int]:
    """The port of a server that does to each connection what ``serve`` says; leaves nothing open."""
    tasks: set[asyncio.Task[None]] = set()

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(tracked, "127.0.0.1", 0) as listener:
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
