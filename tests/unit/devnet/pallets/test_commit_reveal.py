from typing import Any

import bittensor_core
import pytest

from taostack.devnet.codec import ss58_decode
from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pallets.weights.hashed import commit_hash
from taostack.devnet.pallets.weights.timelocked import Payload, apply_payload, decode_payload, encode_payload
from taostack.process.errors import UsageError
from tests.support.ledger_chain import SUBTENSOR, address
from tests.support.subnet_chain import ROOT, SubnetChain

VALIDATOR = address("validator")
COMMIT = f"{SUBTENSOR}.commit_weights"
REVEAL = f"{SUBTENSOR}.reveal_weights"
TIMELOCK = f"{SUBTENSOR}.commit_timelocked_weights"
TEMPO = 5

# The published signature of round 1000 of drand's quicknet beacon.
ROUND = 1000
SIGNATURE = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


@pytest.fixture
def netuid(chain: SubnetChain) -> int:
    """A subnet under commit-reveal, whose owner's hotkey judges; no rate limit."""
    netuid = chain.subnet(hotkey="validator", tempo=TEMPO)
    chain.join(netuid, "a", "b")
    chain.put("WeightsSetRateLimit", netuid, value=0)
    chain.put("CommitRevealWeightsEnabled", netuid, value=True)
    return netuid


def secret(uids: list[int], values: list[int], netuid: int, key: int = 0) -> tuple[dict[str, Any], str]:
    salt = [7, 8]
    given = {"netuid": netuid, "uids": uids, "values": values, "salt": salt, "version_key": key}
    return given, commit_hash(VALIDATOR, netuid, uids, values, salt, key)


def next_epoch(chain: SubnetChain, netuid: int) -> None:
    index = chain.get("SubnetEpochIndex", netuid)
    while chain.get("SubnetEpochIndex", netuid) == index:
        chain.mine()


class TestByHash:
    def test_a_vector_is_revealed_in_the_epoch_after_its_commit(self, chain: SubnetChain, netuid: int) -> None:
        plain, given = secret([1, 2], [10, 20], netuid)
        next_epoch(chain, netuid)
        assert chain.event_ids(VALIDATOR, COMMIT, netuid=netuid, commit_hash=given) == ["WeightsCommitted"]
        assert chain.get("LastUpdate", netuid)[0] == chain.block + 1
        assert chain.refused(VALIDATOR, REVEAL, **plain) == "RevealTooEarly"
        assert chain.pool_code(VALIDATOR, REVEAL, **plain) == 17
        next_epoch(chain, netuid)
        assert chain.pool_code(VALIDATOR, REVEAL, **plain) is None
        assert chain.event_ids(VALIDATOR, REVEAL, **plain) == ["WeightsSet", "WeightsRevealed"]
        assert chain.get("Weights", netuid, 0) == [(1, 32_768), (2, 65_535)]
        assert chain.get("WeightCommits", netuid, VALIDATOR) is None

    def test_what_was_not_committed_or_has_expired_cannot_be_revealed(self, chain: SubnetChain, netuid: int) -> None:
        plain, given = secret([1, 2], [10, 20], netuid)
        other, _ = secret([1, 2], [20, 10], netuid)
        assert chain.refused(VALIDATOR, REVEAL, **plain) == "NoWeightsCommitFound"
        assert chain.pool_code(VALIDATOR, REVEAL, **plain) == 16
        next_epoch(chain, netuid)
        chain.run(VALIDATOR, COMMIT, netuid=netuid, commit_hash=given)
        assert chain.refused(VALIDATOR, REVEAL, **other) == "InvalidRevealCommitHashNotMatch"
        for _ in range(2):
            next_epoch(chain, netuid)
        assert chain.refused(VALIDATOR, REVEAL, **plain) == "ExpiredWeightCommit"
        assert chain.refused(VALIDATOR, REVEAL, **other) == "NoWeightsCommitFound"

    def test_commits_are_refused_for_the_chain_s_reasons(self, chain: SubnetChain, netuid: int) -> None:
        _, given = secret([1], [1], netuid)
        assert chain.refused(address("x"), COMMIT, netuid=netuid, commit_hash=given) == "HotKeyNotRegisteredInSubNet"
        assert chain.pool_code(address("x"), COMMIT, netuid=netuid, commit_hash=given) == 19
        for _ in range(10):
            chain.run(VALIDATOR, COMMIT, netuid=netuid, commit_hash=given)
        assert chain.refused(VALIDATOR, COMMIT, netuid=netuid, commit_hash=given) == "TooManyUnrevealedCommits"
        chain.put("WeightsSetRateLimit", netuid, value=50)
        assert chain.refused(VALIDATOR, COMMIT, netuid=netuid, commit_hash=given) == "CommittingWeightsTooFast"
        assert chain.pool_code(VALIDATOR, COMMIT, netuid=netuid, commit_hash=given) == 6
        chain.put("CommitRevealWeightsEnabled", netuid, value=False)
        assert chain.refused(VALIDATOR, COMMIT, netuid=netuid, commit_hash=given) == "CommitRevealDisabled"
        plain, _ = secret([1], [1], netuid)
        assert chain.refused(VALIDATOR, REVEAL, **plain) == "CommitRevealDisabled"

    def test_batches_commit_and_reveal_several(self, chain: SubnetChain, netuid: int) -> None:
        next_epoch(chain, netuid)
        vectors = [secret([1, 2], [10, value], netuid) for value in (20, 30)]
        hashes = [given for _, given in vectors]
        call = f"{SUBTENSOR}.batch_commit_weights"
        names = chain.event_ids(VALIDATOR, call, netuids=[netuid, netuid], commit_hashes=hashes)
        assert names == ["WeightsCommitted", "WeightsCommitted", "BatchWeightsCompleted"]
        assert chain.refused(VALIDATOR, call, netuids=[netuid], commit_hashes=hashes) == "InputLengthsUnequal"
        next_epoch(chain, netuid)
        lists = {
            "netuid": netuid,
            "uids_list": [plain["uids"] for plain, _ in vectors],
            "values_list": [plain["values"] for plain, _ in vectors],
            "salts_list": [plain["salt"] for plain, _ in vectors],
            "version_keys": [0, 0],
        }
        reveal = f"{SUBTENSOR}.batch_reveal_weights"
        assert chain.pool_code(VALIDATOR, reveal, **lists) is None
        assert chain.pool_code(VALIDATOR, reveal, **{**lists, "version_keys": [1, 0]}) == 16
        assert chain.pool_code(VALIDATOR, reveal, **{**lists, "version_keys": [0]}) == 18
        assert chain.refused(VALIDATOR, reveal, **{**lists, "version_keys": [0]}) == "InputLengthsUnequal"
        assert chain.event_ids(VALIDATOR, reveal, **lists)[-1] == "WeightsBatchRevealed"
        assert chain.get("Weights", netuid, 0) == [(1, 21_845), (2, 65_535)]


class TestUnderATimelock:
    def commit(self, chain: SubnetChain, netuid: int, data: bytes, drand_round: int = ROUND) -> list[str]:
        return chain.event_ids(
            VALIDATOR, TIMELOCK, netuid=netuid, commit=data, reveal_round=drand_round, commit_reveal_version=4
        )

    def sealed(self, uids: list[int], values: list[int], hotkey: str = VALIDATOR) -> bytes:
        return seal_to_round(encode_payload(hotkey, uids, values, 0))

    def test_a_commit_waits_under_its_epoch(self, chain: SubnetChain, netuid: int) -> None:
        next_epoch(chain, netuid)
        index = chain.get("SubnetEpochIndex", netuid)
        assert self.commit(chain, netuid, b"\xfflocked") == ["TimelockedWeightsCommitted"]
        ((who, block, _, drand_round),) = chain.get("TimelockedWeightCommits", netuid, index)
        assert (who, block, drand_round) == (VALIDATOR, chain.block + 1, ROUND)

    def test_a_commit_opens_by_itself_when_its_epoch_comes_and_the_round_is_known(
        self, chain: SubnetChain, netuid: int
    ) -> None:
        next_epoch(chain, netuid)
        self.commit(chain, netuid, self.sealed([1, 2], [1, 3]))
        chain.develop("dev_addDrandPulse", ROUND, SIGNATURE)
        chain.mine()
        assert chain.get("Weights", netuid, 0) == []
        next_epoch(chain, netuid)
        assert chain.get("Weights", netuid, 0) == [(1, 21_845), (2, 65_535)]
        assert list(chain.state.items(SUBTENSOR, "TimelockedWeightCommits", netuid)) == []

    def test_a_commit_whose_round_is_unknown_waits_for_its_epoch_s_end_and_is_dropped_after(
        self, chain: SubnetChain, netuid: int
    ) -> None:
        next_epoch(chain, netuid)
        self.commit(chain, netuid, self.sealed([1, 2], [1, 3]))
        next_epoch(chain, netuid)
        chain.mine()
        assert len(list(chain.state.items(SUBTENSOR, "TimelockedWeightCommits", netuid))) == 1
        next_epoch(chain, netuid)
        chain.mine()
        assert list(chain.state.items(SUBTENSOR, "TimelockedWeightCommits", netuid)) == []
        assert chain.get("Weights", netuid, 0) == []

    def test_what_cannot_be_opened_or_names_another_hotkey_or_breaks_a_rule_is_dropped(
        self, chain: SubnetChain, netuid: int
    ) -> None:
        next_epoch(chain, netuid)
        self.commit(chain, netuid, b"\xffnot a ciphertext")
        self.commit(chain, netuid, self.sealed([1, 2], [1, 3], hotkey=address("a")))
        self.commit(chain, netuid, self.sealed([1, 1], [1, 3]))
        self.commit(chain, netuid, seal_to_round(b"\x01\x02"))
        chain.develop("dev_addDrandPulse", ROUND, SIGNATURE)
        next_epoch(chain, netuid)
        assert chain.get("Weights", netuid, 0) == []
        assert list(chain.state.items(SUBTENSOR, "TimelockedWeightCommits", netuid)) == []

    def test_a_developer_may_reveal_with_the_plaintext(self, chain: SubnetChain, netuid: int) -> None:
        answer = chain.develop("dev_revealCommit", netuid, VALIDATOR, [1, 2], [1, 3])
        assert answer == {"revealed": False, "commit_block": None, "error": "NoWeightsCommitFound"}
        self.commit(chain, netuid, b"one")
        self.commit(chain, netuid, b"two")
        answer = chain.develop("dev_revealCommit", netuid, VALIDATOR, [1, 2], [1, 3])
        assert answer == {"revealed": True, "commit_block": chain.block + 1, "error": None}
        assert chain.get("Weights", netuid, 0) == [(1, 21_845), (2, 65_535)]
        answer = chain.develop("dev_revealCommit", netuid, VALIDATOR, [1, 1], [1, 3])
        assert answer["error"] == "DuplicateUids"

    def test_commits_are_refused_for_the_chain_s_reasons(self, chain: SubnetChain, netuid: int) -> None:
        good: dict[str, Any] = {"netuid": netuid, "commit": b"x", "reveal_round": 9, "commit_reveal_version": 4}
        assert chain.refused(VALIDATOR, TIMELOCK, **{**good, "commit_reveal_version": 3}) == (
            "IncorrectCommitRevealVersion"
        )
        assert chain.refused(VALIDATOR, TIMELOCK, **{**good, "netuid": 77}) == "SubnetNotExists"
        assert chain.refused(address("x"), TIMELOCK, **good) == "HotKeyNotRegisteredInSubNet"
        chain.develop("dev_addDrandPulse", ROUND, SIGNATURE)
        assert chain.pool_code(VALIDATOR, TIMELOCK, **good) == 15
        chain.put("WeightsSetRateLimit", netuid, value=50)
        good["reveal_round"] = ROUND
        assert chain.refused(VALIDATOR, TIMELOCK, **good) == "CommittingWeightsTooFast"
        assert chain.pool_code(VALIDATOR, TIMELOCK, **good) is None
        chain.put("WeightsSetRateLimit", netuid, value=0)
        for _ in range(10):
            chain.run(VALIDATOR, TIMELOCK, **good)
        assert chain.refused(VALIDATOR, TIMELOCK, **good) == "TooManyUnrevealedCommits"
        chain.put("CommitRevealWeightsEnabled", netuid, value=False)
        assert chain.refused(VALIDATOR, TIMELOCK, **good) == "CommitRevealDisabled"

    def test_the_older_call_needs_no_version(self, chain: SubnetChain, netuid: int) -> None:
        call = f"{SUBTENSOR}.commit_crv3_mechanism_weights"
        names = chain.event_ids(VALIDATOR, call, netuid=netuid, mecid=0, commit=b"x", reveal_round=9)
        assert names == ["TimelockedWeightsCommitted"]

    def test_payloads_with_and_without_a_hotkey_are_read(self) -> None:
        plain = encode_payload(VALIDATOR, [1, 2], [3, 4], 5)
        assert decode_payload(plain) == Payload(VALIDATOR, [1, 2], [3, 4], 5)
        assert decode_payload(plain[33:]) == Payload(None, [1, 2], [3, 4], 5)
        with pytest.raises(ValueError, match="hotkey"):
            decode_payload(b"\x04\x01")

    def test_the_client_s_own_codec_writes_the_same_payload(self) -> None:
        sealed, _ = bittensor_core.get_encrypted_commit_v2(
            uids=[1, 2],
            weights=[3, 4],
            version_key=5,
            last_epoch_block=0,
            pending_epoch_at=0,
            subnet_epoch_index=0,
            tempo=10,
            blocks_since_last_step=0,
            current_block=1,
            subnet_reveal_period_epochs=1,
            block_time=0.25,
            hotkey=ss58_decode(VALIDATOR),
        )
        assert len(sealed) - len(seal_to_round(b"")) == len(encode_payload(VALIDATOR, [1, 2], [3, 4], 5))

    def test_revealed_weights_obey_the_rules_of_weights(self, chain: SubnetChain, netuid: int) -> None:
        def change(ctx: Context) -> None:
            apply_payload(ctx, netuid, 0, VALIDATOR, Payload(None, [1], [5], 0))

        chain.chain.patch(change)
        assert chain.get("Weights", netuid, 0) == [(1, 65_535)]


class TestDrand:
    def test_pulses_come_unsigned_and_in_order(self, chain: SubnetChain) -> None:
        def payload(*rounds: int) -> dict[str, Any]:
            pulses = [{"round": each, "randomness": b"r", "signature": b"s"} for each in rounds]
            return {"block_number": 1, "pulses": pulses, "public": {"Sr25519": "0x" + "11" * 32}}

        write = "Drand.write_pulse"
        assert chain.event_ids(ROOT, write, pulses_payload=payload(5, 6), signature=None) == ["NewPulse"]
        assert chain.state.get("Drand", "LastStoredRound") == 6
        assert chain.state.get("Drand", "OldestStoredRound") == 5
        assert chain.refused(ROOT, write, pulses_payload=payload(8, 8), signature=None) == "InvalidRoundNumber"
        assert chain.refused(VALIDATOR, write, pulses_payload=payload(9), signature=None) == "BadOrigin"
        chain.run(ROOT, "Drand.set_oldest_stored_round", oldest_round=6)
        assert chain.state.get("Drand", "OldestStoredRound") == 6

    @pytest.mark.parametrize("signature", ["zz", "0x1234"])
    def test_a_signature_that_is_none_is_a_usage_error(self, chain: SubnetChain, signature: str) -> None:
        with pytest.raises(UsageError):
            chain.develop("dev_addDrandPulse", 1, signature)


def seal_to_round(plain: bytes) -> bytes:
    """Encrypt to drand round 1000 with the client's own codec."""
    envelope, _ = bittensor_core.encrypt_at_round(plain, ROUND)
    return bytes(bittensor_core.inner_ciphertext(envelope))


def test_a_commit_is_the_bare_ciphertext_as_clients_send_it() -> None:
    sealed, _ = bittensor_core.get_encrypted_commit_v2(
        uids=[1],
        weights=[1],
        version_key=0,
        last_epoch_block=0,
        pending_epoch_at=0,
        subnet_epoch_index=0,
        tempo=10,
        blocks_since_last_step=0,
        current_block=1,
        subnet_reveal_period_epochs=1,
        block_time=0.25,
        hotkey=bytes(32),
    )
    # Both end with the name of the symmetric cipher; an envelope would end with the round.
    assert sealed[-8:] == seal_to_round(b"x")[-8:]
