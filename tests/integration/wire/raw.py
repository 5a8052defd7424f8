"""HTTP by hand: bytes out, bytes in, over a real socket."""

import asyncio
from collections.abc import Mapping


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
