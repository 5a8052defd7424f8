import pytest

from taostack.devnet.codec import ED25519, SR25519, ss58_encode
from taostack.devnet.extrinsics import (
    IMMORTAL,
    Era,
    Extrinsic,
    SignedExtensions,
    UndecodableError,
    bare_extrinsic,
    decode_era,
    decode_extrinsic,
    signature_holds,
    signed_payload,
)
from taostack.devnet.profile import RuntimeProfile, load_profile
from taostack.devnet.signing import sign_call

# Recorded from a real node (bittensor 11.3.0's golden fixture): a transfer of 12,345 rao to //Bob.
CALL = bytes.fromhex("0503008eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48e5c0")
GENESIS = bytes.fromhex("1dc00e76a13fc48b9c932e076622c5920295afaad4fd805c284a5cf3222ce452")
BIRTH = bytes.fromhex("d9f2d5c7e6b387e32b3f41d7808094cc966fbbbbd4709d96471c52d9b1a2b2aa")
RECORDED = bytes.fromhex(
    "31028400d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d01"
    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
    "2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40"
    "000000000503008eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48e5c0"
)
RECORDED_HASH = "2da12d35e770dbfe53a2c66c76d5c6d21f64f99fcbda35a757c021cc41ace46b"
IMMORTAL_PAYLOAD = CALL + bytes.fromhex("001c0000cd01000001000000") + GENESIS + GENESIS + b"\x00"
MORTAL_PAYLOAD = CALL + bytes.fromhex("25000c0000cd01000001000000") + GENESIS + BIRTH + b"\x00"


@pytest.fixture(scope="module")
def profile() -> RuntimeProfile:
    return load_profile(250)


def decoded(raw: bytes, profile: RuntimeProfile) -> Extrinsic:
    return decode_extrinsic(raw, profile, SignedExtensions(profile))


def test_a_recorded_extrinsic_is_taken_apart(profile: RuntimeProfile) -> None:
    extrinsic = decoded(RECORDED, profile)
    assert extrinsic.hash.hex() == RECORDED_HASH
    assert extrinsic.signer == "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    assert extrinsic.call == CALL
    assert extrinsic.name == "Balances.transfer_keep_alive"
    assert (extrinsic.nonce, extrinsic.tip, extrinsic.era, extrinsic.scheme) == (0, 0, IMMORTAL, SR25519)


@pytest.mark.parametrize(
    ("extras", "birth", "payload"),
    [
        (bytes.fromhex("001c0000"), GENESIS, IMMORTAL_PAYLOAD),
        (bytes.fromhex("25000c0000"), BIRTH, MORTAL_PAYLOAD),
    ],
)
def test_the_signed_payload_is_the_recorded_one(
    profile: RuntimeProfile, extras: bytes, birth: bytes, payload: bytes
) -> None:
    extrinsic = Extrinsic(b"", b"", CALL, {}, "x", extras=extras)
    assert signed_payload(extrinsic, SignedExtensions(profile).implicit(GENESIS, birth, None)) == payload


def test_a_long_payload_is_hashed_before_it_is_signed(profile: RuntimeProfile) -> None:
    extrinsic = Extrinsic(b"", b"", b"\x00" * 300, {}, "x", extras=b"\x00" * 4)
    assert len(signed_payload(extrinsic, b"")) == 32


@pytest.mark.parametrize("scheme", [SR25519, ED25519])
def test_a_signature_holds_only_for_what_was_signed(profile: RuntimeProfile, scheme: int) -> None:
    raw = sign_call(profile.codec, "//Alice", CALL, nonce=3, genesis_hash=GENESIS, scheme=scheme)
    extrinsic = decoded(raw, profile)
    extensions = SignedExtensions(profile)
    assert signature_holds(extrinsic, extensions.implicit(GENESIS, GENESIS, None))
    assert not signature_holds(extrinsic, extensions.implicit(BIRTH, GENESIS, None))
    assert not signature_holds(extrinsic, extensions.implicit(GENESIS, BIRTH, None))
    assert not signature_holds(extrinsic, extensions.implicit(GENESIS, GENESIS, bytes(32)))
    tampered = decoded(raw[:-1] + bytes((raw[-1] ^ 4,)), profile)
    assert not signature_holds(tampered, extensions.implicit(GENESIS, GENESIS, None))


def test_an_ecdsa_signature_is_never_good(profile: RuntimeProfile) -> None:
    extrinsic = Extrinsic(b"", b"", CALL, {}, "x", scheme=2)
    assert not signature_holds(extrinsic, b"")


def test_a_bare_extrinsic_has_no_signer(profile: RuntimeProfile) -> None:
    call = profile.codec.compose_call("Timestamp", "set", {"now": 5})
    extrinsic = decoded(bare_extrinsic(call), profile)
    assert extrinsic.signer is None
    assert extrinsic.name == "Timestamp.set"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00",
        b"\x04\x84",
        RECORDED[:-1],
        RECORDED + b"\x00",
        RECORDED[:2] + b"\x83" + RECORDED[3:],
        RECORDED[:3] + b"\x02" + RECORDED[4:],
        RECORDED[:36] + b"\x07" + RECORDED[37:],
        RECORDED[:-38] + b"\xff\xff" + RECORDED[-36:],
        RECORDED[:102] + b"\x02" + RECORDED[103:],
    ],
)
def test_damaged_bytes_are_undecodable(profile: RuntimeProfile, raw: bytes) -> None:
    with pytest.raises(UndecodableError):
        decoded(raw, profile)


def test_an_extrinsic_longer_than_a_block_is_refused(profile: RuntimeProfile) -> None:
    with pytest.raises(UndecodableError, match="longer than a block"):
        decoded(bytes(4_000_000), profile)


def test_an_unknown_metadata_hash_mode_is_refused(profile: RuntimeProfile) -> None:
    at = RECORDED.index(CALL) - 1
    with pytest.raises(UndecodableError, match="mode"):
        decoded(RECORDED[:at] + b"\x02" + RECORDED[at + 1 :], profile)


@pytest.mark.parametrize("period", [4, 64, 128, 4_096, 65_536])
@pytest.mark.parametrize("current", [0, 1, 77, 1_000_003])
def test_an_era_is_read_as_the_codec_writes_it(profile: RuntimeProfile, period: int, current: int) -> None:
    import bittensor_core

    encoded = bytes(profile.codec.runtime.encode_era({"period": period, "current": current}))
    era, end = decode_era(encoded, 0)
    assert end == 2
    assert era.period == period
    assert era.birth(current) == bittensor_core.era_birth(period, current)
    assert era.birth(current) <= current < era.death(current)


def test_an_immortal_era_is_born_at_genesis_and_never_ends() -> None:
    assert decode_era(b"\x00", 0) == (IMMORTAL, 1)
    assert IMMORTAL.birth(99) == 0
    assert IMMORTAL.death(99) > 2**60


def test_an_era_with_an_impossible_phase_is_refused() -> None:
    with pytest.raises(UndecodableError):
        decode_era(b"\x10\x00", 0)
    with pytest.raises(UndecodableError):
        decode_era(b"\xf1\xff", 0)
    assert Era(64, 3).birth(2) == 3


def test_the_signer_is_shown_with_prefix_42() -> None:
    assert ss58_encode(bytes(32)) == "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"
