from typing import Any

import bittensor_core
import pytest

from taostack.devnet.pallets.commitments import MIN_SPACE, space_of
from tests.support.ledger_chain import ALICE, address
from tests.support.subnet_chain import ROOT, SubnetChain

SET = "Commitments.set_commitment"
MINER = address("miner")
ROUND = 1000
SIGNATURE = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


@pytest.fixture
def netuid(chain: SubnetChain) -> int:
    netuid = chain.subnet()
    chain.join(netuid, "miner")
    return netuid


def info(*fields: Any) -> dict[str, Any]:
    return {"fields": list(fields)}


def sealed(plain: bytes) -> bytes:
    """What a client puts on chain: the ciphertext without its envelope."""
    envelope, _ = bittensor_core.encrypt_at_round(plain, ROUND)
    return bytes(bittensor_core.inner_ciphertext(envelope))


def test_a_commitment_is_stored_and_replaced(chain: SubnetChain, netuid: int) -> None:
    assert chain.event_ids(MINER, SET, netuid=netuid, info=info({"Raw5": b"hello"})) == ["Commitment"]
    chain.run(MINER, SET, netuid=netuid, info=info({"Raw2": b"ho"}))
    stored = chain.state.get("Commitments", "CommitmentOf", netuid, MINER)
    assert stored == {"deposit": 0, "block": chain.block + 1, "info": {"fields": [{"Raw2": "0x686f"}]}}
    assert chain.state.get("Commitments", "LastCommitment", netuid, MINER) == chain.block + 1


def test_only_registered_hotkeys_commit_and_only_what_clients_may_write(chain: SubnetChain, netuid: int) -> None:
    field = {"Raw1": b"x"}
    assert chain.refused(ALICE, SET, netuid=netuid, info=info(field)) == "AccountNotAllowedCommit"
    failure = {"TimelockRevealFailed": {"encrypted": b"x", "reveal_round": 1}}
    assert chain.refused(MINER, SET, netuid=netuid, info=info(failure)) == "TimelockRevealFailedNotAllowed"


def test_space_per_epoch_is_limited(chain: SubnetChain, netuid: int) -> None:
    chain.run(ROOT, "Commitments.set_max_space", new_limit=3 * MIN_SPACE)
    for _ in range(3):
        chain.run(MINER, SET, netuid=netuid, info=info({"Raw5": b"hello"}))
    assert chain.refused(MINER, SET, netuid=netuid, info=info({"Raw5": b"hello"})) == "SpaceLimitExceeded"
    index = chain.get("SubnetEpochIndex", netuid)
    while chain.get("SubnetEpochIndex", netuid) == index:
        chain.mine()
    chain.run(MINER, SET, netuid=netuid, info=info({"Raw5": b"hello"}))
    assert chain.refused(ALICE, "Commitments.set_max_space", new_limit=1) == "BadOrigin"


def test_a_timelocked_field_is_published_when_its_round_is_known(chain: SubnetChain, netuid: int) -> None:
    lock = {"TimelockEncrypted": {"encrypted": sealed(b"secret"), "reveal_round": ROUND}}
    assert chain.event_ids(MINER, SET, netuid=netuid, info=info(lock, {"Raw1": b"x"})) == ["TimelockCommitment"]
    chain.mine()
    assert chain.state.get("Commitments", "TimelockedIndex") == [(netuid, MINER)]
    chain.develop("dev_addDrandPulse", ROUND, SIGNATURE)
    chain.mine()
    ((plain, block),) = chain.state.get("Commitments", "RevealedCommitments", netuid, MINER)
    assert (plain, block) == ("secret", chain.block)
    fields = chain.state.get("Commitments", "CommitmentOf", netuid, MINER)["info"]["fields"]
    assert fields == [{"Raw1": "0x78"}]
    assert chain.state.get("Commitments", "TimelockedIndex") == []


def test_a_commitment_of_locks_alone_goes_when_it_is_open(chain: SubnetChain, netuid: int) -> None:
    lock = {"TimelockEncrypted": {"encrypted": sealed(b"secret"), "reveal_round": ROUND}}
    broken = {"TimelockEncrypted": {"encrypted": b"\xffnone", "reveal_round": ROUND}}
    chain.run(MINER, SET, netuid=netuid, info=info(lock))
    chain.develop("dev_addDrandPulse", ROUND, SIGNATURE)
    chain.mine()
    assert chain.state.get("Commitments", "CommitmentOf", netuid, MINER) is None
    chain.run(MINER, SET, netuid=netuid, info=info(broken))
    chain.mine()
    assert chain.state.get("Commitments", "CommitmentOf", netuid, MINER) is not None


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("None", 0),
        ({"ResetBondsFlag": None}, 0),
        ({"Raw7": b"1234567"}, 7),
        ({"BigRaw": b"x" * 200}, 200),
        ({"Sha256": "0x" + "11" * 32}, 32),
        ({"TimelockEncrypted": {"encrypted": b"xyz", "reveal_round": 1}}, 3),
    ],
)
def test_space_is_the_content_s_length(field: Any, expected: int) -> None:
    assert space_of([field]) == expected
