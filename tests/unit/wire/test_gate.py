"""Who may call."""

import pytest

from taostack.chain.metagraph import Metagraph
from taostack.process.clock import ManualClock
from taostack.wire import GateRules, ProblemError, RouteError, problems
from taostack.wire.gate import Gate, TokenBuckets, open_gate
from tests.integration.wire.support import ALICE, BOB, CHARLIE, Book, Known

VALIDATOR = Known(0, 1000, permit=True)
MINER = Known(1, 10, permit=False)


def gate(clock: ManualClock, **rules: object) -> Gate:
    """A gate over Alice the validator and Bob the miner."""
    book = Book({ALICE.ss58_address: VALIDATOR, BOB.ss58_address: MINER}, clock.now_ms())
    return Gate(lambda: book, GateRules(**rules), clock)


def refusal(gate: Gate, hotkey: str) -> problems.ProblemKind:
    """How the gate refuses."""
    with pytest.raises(ProblemError) as caught:
        gate.standing(hotkey)
    return caught.value.kind


def test_registered_hotkeys_pass_and_strangers_do_not() -> None:
    subject = gate(ManualClock())
    assert subject.standing(ALICE.ss58_address) == VALIDATOR
    assert refusal(subject, CHARLIE.ss58_address) is problems.NOT_REGISTERED


def test_permit_and_stake_can_be_demanded() -> None:
    assert refusal(gate(ManualClock(), require_permit=True), BOB.ss58_address) is problems.NO_PERMIT
    assert refusal(gate(ManualClock(), min_stake_rao=11), BOB.ss58_address) is problems.STAKE_TOO_LOW
    assert gate(ManualClock(), min_stake_rao=10).standing(BOB.ss58_address) == MINER


def test_deny_wins_over_allow_and_allow_over_the_rest() -> None:
    alice, charlie = ALICE.ss58_address, CHARLIE.ss58_address
    assert gate(ManualClock(), allow=frozenset({charlie})).standing(charlie) is None
    both = gate(ManualClock(), allow=frozenset({alice}), deny=frozenset({alice}))
    assert refusal(both, alice) is problems.DENIED


async def test_a_stale_directory_closes_the_gate_unless_told_otherwise() -> None:
    clock = ManualClock()
    closed, open_ = gate(clock, max_age_seconds=60), gate(clock, max_age_seconds=60, when_stale="use")
    await clock.advance(61)
    assert refusal(closed, ALICE.ss58_address) is problems.DIRECTORY_STALE
    assert open_.standing(ALICE.ss58_address) == VALIDATOR


def test_no_directory_at_all_closes_the_gate_in_any_case() -> None:
    for when_stale in ("refuse", "use"):
        subject = Gate(lambda: None, GateRules(when_stale=when_stale), ManualClock())
        assert refusal(subject, ALICE.ss58_address) is problems.DIRECTORY_STALE


def test_an_open_gate_lets_anybody_in() -> None:
    assert open_gate(ManualClock()).standing(CHARLIE.ss58_address) is None


def test_a_metagraph_is_a_directory() -> None:
    clock = ManualClock()
    metagraph = Metagraph.build(1, [ALICE.ss58_address], taken_at_ms=clock.now_ms(), stake_rao=[7], permit=[True])
    standing = Gate(lambda: metagraph, GateRules(require_permit=True), clock).standing(ALICE.ss58_address)
    assert standing is not None
    assert (standing.uid, standing.stake_rao, standing.permit) == (0, 7, True)


async def test_a_token_bucket_allows_a_burst_and_then_the_rate() -> None:
    clock = ManualClock()
    buckets = TokenBuckets(clock, per_second=2.0, burst=3)
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]
    assert buckets.take("b")
    await clock.advance(0.5)
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    await clock.advance(60)
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]


def test_token_buckets_are_bounded() -> None:
    buckets = TokenBuckets(ManualClock(), per_second=1.0, burst=1, known=10)
    assert all(buckets.take(f"hotkey {n}") for n in range(100))
    assert len(buckets) == 10


def test_a_gate_without_a_rate_keeps_no_buckets() -> None:
    subject = gate(ManualClock())
    for _ in range(1000):
        subject.take_token(ALICE.ss58_address)


def test_a_gate_refuses_beyond_its_rate() -> None:
    subject = gate(ManualClock(), calls_per_second=1.0, burst=2)
    subject.take_token(ALICE.ss58_address)
    subject.take_token(ALICE.ss58_address)
    with pytest.raises(ProblemError) as caught:
        subject.take_token(ALICE.ss58_address)
    assert caught.value.kind is problems.RATE_LIMITED


@pytest.mark.parametrize("rules", [{"calls_per_second": 0.0}, {"burst": 0}, {"max_in_flight": 0}, {"max_waiting": -1}])
def test_rules_that_cannot_work_are_refused(rules: dict[str, float]) -> None:
    with pytest.raises(RouteError):
        GateRules(**rules)
