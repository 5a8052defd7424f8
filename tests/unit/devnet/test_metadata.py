import pytest

from taostack.devnet import metadata
from taostack.devnet.errors import MetadataError
from taostack.devnet.profile import packaged_blobs


@pytest.mark.parametrize("version", [15, 14])
def test_a_published_blob_is_written_back_byte_for_byte(version: int) -> None:
    blob = packaged_blobs()[15 - version]
    assert blob[4] == version
    assert metadata.write(metadata.read(blob)) == blob


def test_a_blob_without_the_magic_is_refused() -> None:
    with pytest.raises(MetadataError, match="magic"):
        metadata.read(b"atem\x0f")


@pytest.mark.parametrize("blob", [b"meta", b"meta\x0d\x00", b"meta\xff"])
def test_a_version_other_than_14_and_15_is_refused(blob: bytes) -> None:
    with pytest.raises(MetadataError, match="14 or 15"):
        metadata.read(blob)


@pytest.mark.parametrize("cut", [6, 100, 5_000, 386_732])
def test_a_blob_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(MetadataError, match="cut short or damaged"):
        metadata.read(packaged_blobs()[0][:cut])


def test_a_blob_with_trailing_bytes_is_refused() -> None:
    with pytest.raises(MetadataError, match="3 bytes too many"):
        metadata.read(packaged_blobs()[0] + b"\x00\x00\x00")


@pytest.mark.parametrize("value", [0, 63, 64, 16_383, 16_384, 2**30 - 1, 2**30, 2**32, 2**64 - 1, 2**128 - 1])
def test_compact_integers_are_read_back(value: int) -> None:
    encoded = metadata.compact(value)
    assert metadata.read_compact(encoded, 0) == (value, len(encoded))


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x02\x00\x00", b"\x03\x00\x00\x00"])
def test_a_compact_integer_that_is_cut_short_raises_index_error(data: bytes) -> None:
    with pytest.raises(IndexError):
        metadata.read_compact(data, 0)
