"""zstd, bounded."""

import pytest
import zstandard

from taostack.wire.compression import TooLargeError, compress, decompress


def test_what_is_compressed_comes_back() -> None:
    data = b'{"prompt": "hello"}' * 1000
    assert decompress(compress(data), len(data)) == data
    assert len(compress(data)) < len(data) / 50


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = compress(b"\0" * 50_000_000)
    assert len(bomb) < 5_000
    with pytest.raises(TooLargeError):
        decompress(bomb, 1_000_000)


def test_a_frame_that_hides_its_size_is_refused() -> None:
    hidden = zstandard.ZstdCompressor(write_content_size=False).compress(b"\0" * 1_000_000)
    with pytest.raises(ValueError, match="declare"):
        decompress(hidden, 10_000_000)


@pytest.mark.parametrize("data", [b"", b"abc", b"\x28\xb5\x2f\xfd", compress(b"a" * 999)[:-1], compress(b"a") + b"x"])
def test_what_is_not_one_whole_frame_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - zstd words it in many ways
        decompress(data, 1_000_000)
