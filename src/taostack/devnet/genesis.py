"""Block 0: the dev accounts, and what the pallets put beside them.

The keys are those every Substrate chain's development mode has. **They are
public**: whoever can reach the devnet can spend everything on it.
"""

from taostack.devnet.codec import keypair, ss58_encode

DEV_URIS = ("//Alice", "//Bob", "//Charlie", "//Dave", "//Eve", "//Ferdie")
DEV_BALANCE_RAO = 1_000_000 * 10**9

DEV_ACCOUNTS: dict[str, str] = {uri: ss58_encode(bytes(keypair(uri).public_key)) for uri in DEV_URIS}
"""URI to sr25519 address."""

SUDO_ACCOUNT = DEV_ACCOUNTS["//Alice"]
"""The key that may make root calls."""
