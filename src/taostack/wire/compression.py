"""zstd for large bodies, with a bound on what may come out.

What is hashed and signed is the compressed form, as sent: a receiver verifies
before it decompresses, so only a verified sender can make it work. A frame
that gives more or less than its header declares is refused by zstd itself.
"""

from taostack.wire.errors import RouteError

try:
    import zstandard
except ImportError:  # the extra taostack[wire] brings it; without it bodies stay plain
    zstandard = None  # type: ignore[assignment]

AVAILABLE = zstandard is not None
ENCODING = "zstd"
MAGIC = b"\x28\xb5\x2f\xfd"
"""How a zstd frame starts; no JSON or msgpack map does."""
LEVEL = 1


class TooLargeError(ValueError):
    """The decompressed bytes are more than allowed."""


def require_available() -> None:
    """Raise ``RouteError`` when zstandard is not installed."""
    if not AVAILABLE:
        raise RouteError("compression needs the zstandard package", remedy="install taostack[wire]")


def compress(data: bytes) -> bytes:
    """One zstd frame at level 1 (1 MB of JSON: about 2 ms, to 40 %)."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(data)


def decompress(data: bytes, limit_bytes: int) -> bytes:
    """The bytes of one zstd frame, which must declare its size (``compress`` does).

    ``TooLargeError`` when they are more than ``limit_bytes``, before anything is
    allocated; ``ValueError`` when ``data`` is not exactly one whole frame.
    """
    try:
        size = zstandard.frame_content_size(data)
        if size < 0:
            raise ValueError("the frame does not declare its size")
        if size > limit_bytes:
            raise TooLargeError(f"more than {limit_bytes} bytes after decompression")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=limit_bytes, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ValueError(f"not zstd: {error}") from None
