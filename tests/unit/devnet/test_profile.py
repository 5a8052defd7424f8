import bittensor_core
import pytest

from taostack.devnet.errors import MetadataError, UnknownNameError
from taostack.devnet.profile import load_profile, opaque, packaged_blobs


def test_the_block_time_is_in_the_metadata_that_clients_read() -> None:
    profile = load_profile(1_500)
    runtime = bittensor_core.Runtime(profile.metadata_v15, profile.spec_version, 1, 42)
    assert runtime.constant("Aura", "SlotDuration") == 1_500
    assert runtime.constant("Timestamp", "MinimumPeriod") == 750


def test_both_versions_carry_the_same_edits() -> None:
    profile = load_profile(250)
    for blob in (profile.metadata_v14, profile.metadata_v15):
        runtime = bittensor_core.Runtime(blob, profile.spec_version, 1, 42)
        entry = runtime.storage_entry("SubtensorModule", "SubnetEpochConsensus")
        assert runtime.decode(entry.value_type, bytes(entry.default_bytes)) == "Yuma"
        assert runtime.decode(entry.value_type, b"\x01") == "Null"
        assert runtime.module_error(7, 174)[0] == "CommitQueueFull"
        assert runtime.module_error(7, 166)[0] == "BasketTradingDisabled"


def test_every_module_error_means_the_same_to_the_sdk() -> None:
    from bittensor._generated.errors import ERRORS

    codec = load_profile(250).codec
    for (pallet, error), info in ERRORS.items():
        assert codec.error_name(pallet, error) == f"{info.pallet}.{info.name}"


def test_a_moved_error_keeps_its_documentation() -> None:
    runtime = bittensor_core.Runtime(load_profile(250).metadata_v15, 461, 1, 42)
    before = bittensor_core.Runtime(packaged_blobs()[0], 461, 1, 42)
    assert runtime.module_error(7, 166) == before.module_error(7, 162)


def test_the_fingerprint_follows_the_settings() -> None:
    assert load_profile(250).fingerprint == load_profile(250).fingerprint
    assert load_profile(250).fingerprint != load_profile(251).fingerprint


def test_a_constant_can_be_replaced() -> None:
    profile = load_profile(250, {"SubtensorModule.InitialTempo": (77).to_bytes(2, "little")})
    assert profile.codec.constant("SubtensorModule", "InitialTempo") == 77


def test_a_constant_of_another_length_is_refused() -> None:
    with pytest.raises(MetadataError, match="2 bytes, was given 3"):
        load_profile(250, {"SubtensorModule.InitialTempo": b"\x00\x00\x00"})


def test_an_unknown_constant_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"SubtensorModule\.Tempi"):
        load_profile(250, {"SubtensorModule.Tempi": b"\x00"})


def test_the_opaque_form_is_an_option_of_bytes() -> None:
    assert opaque(b"abc") == b"\x01\x0cabc"
