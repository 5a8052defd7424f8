"""Small public notes under a hotkey, through the Commitments pallet."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bittensor import calls

from taostack.chain.records import Commitment, Receipt
from taostack.process.errors import UsageError

if TYPE_CHECKING:
    from taostack.chain.client import Chain
    from taostack.chain.wallet import Wallet

MAX_COMMITMENT_BYTES = 128
"""The longest ``Raw`` field of the pallet."""


def read_commitment(record: Any) -> Commitment:
    """The SDK's commitment record as ours, with its bytes undamaged where they are in the clear."""
    data = b"".join(_raw_bytes(entry) for entry in record.fields)
    if not data and record.value:
        data = _text_bytes(record.value)
    return Commitment(record.hotkey, record.uid, int(record.block), data, str(record.status))


def _raw_bytes(entry: Any) -> bytes:
    if not isinstance(entry, Mapping):
        return b""
    return b"".join(
        _text_bytes(value)
        for variant, value in entry.items()
        if variant.startswith("Raw") and isinstance(value, str | bytes)
    )


def _text_bytes(value: str | bytes) -> bytes:
    """The codec gives bytes as text where they are UTF-8, and as 0x-hex otherwise."""
    if isinstance(value, bytes):
        return value
    if value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    return value.encode()


async def publish_commitment(chain: "Chain", netuid: int, data: bytes | str, wallet: "Wallet") -> Receipt | None:
    """Publish ``data`` unless the hotkey's commitment already says so.

    Raises UsageError when there is nothing or too much to publish.
    """
    content = data.encode() if isinstance(data, str) else bytes(data)
    if not 0 < len(content) <= MAX_COMMITMENT_BYTES:
        raise UsageError(
            f"a commitment holds 1 to {MAX_COMMITMENT_BYTES} bytes, not {len(content)}",
            remedy="publish a hash or an address of the content",
        )
    present = (await chain.commitments(netuid)).get(wallet.hotkey_address)
    if present is not None and present.data == content:
        return None
    call = calls.Commitments.set_commitment(
        netuid=netuid, info={"fields": [[{f"Raw{len(content)}": "0x" + content.hex()}]]}
    )
    return await chain.submit(f"commitment on subnet {netuid}", call, wallet.hotkey)
