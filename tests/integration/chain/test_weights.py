"""Weights on a real chain: what is set, what is refused and why, and what survives."""

import math
from dataclasses import replace

import pytest

from taostack.chain.client import Chain
from taostack.chain.operations import register, set_parameter, sudo
from taostack.chain.scores import ComputedScores
from taostack.chain.wallet import dev_wallet
from taostack.chain.weight_chain import read_commits
from taostack.chain.weight_outcome import SetterPolicy
from taostack.chain.weight_state import FileStore, MemoryStore, decode_state
from taostack.chain.weights import WeightSetter
from taostack.process.errors import UsageError
from tests.faults import FaultyProxy

U16 = 65_535
SUBMIT = "author_submitAndWatchExtrinsic"
QUICK = SetterPolicy(deadline_seconds=6.0, retry_pause_seconds=0.1, max_age_blocks=10_000)


def setter(chain, subnet, store=None, **changes):
    policy = replace(QUICK, **changes)
    return WeightSetter(
        chain, subnet.netuid, subnet.validator, store or MemoryStore(), rules_digest="r1", policy=policy
    )


async def scored(chain, subnet, *values):
    """Scores for the two miners, computed on the newest metagraph."""
    graph = await chain.metagraph(subnet.netuid)
    uids = [graph.uid_of(miner.hotkey_address) for miner in subnet.miners]
    return ComputedScores.of(graph, dict(zip(uids, values, strict=False)), rules_digest="r1")


async def held_by_validator(chain, subnet):
    graph = await chain.metagraph(subnet.netuid)
    return (await chain.weights(subnet.netuid)).get(graph.uid_of(subnet.validator.hotkey_address), {})


async def test_scores_become_weights_that_the_chain_is_seen_to_hold(chain, subnet):
    scores = await scored(chain, subnet, 3.0, 1.0)
    outcome = await setter(chain, subnet).submit(scores)
    assert (outcome.status, outcome.code, outcome.ok) == ("set", "ok", True)
    assert outcome.readback is not None
    assert outcome.readback.matches
    assert outcome.next_epoch_block is not None
    assert await held_by_validator(chain, subnet) == {scores.uids[0]: U16, scores.uids[1]: 21_845}


async def test_weights_bring_incentive_at_the_next_epoch(chain, subnet, devnet):
    scores = await scored(chain, subnet, 3.0, 1.0)
    assert (await setter(chain, subnet).submit(scores)).ok
    devnet.mine(25)
    graph = await chain.metagraph(subnet.netuid)
    assert graph.incentive[scores.uids[0]] == pytest.approx(0.75, abs=0.01)
    assert graph.incentive[scores.uids[1]] == pytest.approx(0.25, abs=0.01)


async def test_plain_scores_are_taken_with_their_metagraph(chain, subnet):
    graph = await chain.metagraph(subnet.netuid)
    uid = graph.uid_of(subnet.miners[0].hotkey_address)
    assert (await setter(chain, subnet).submit({uid: 1.0}, metagraph=graph)).ok
    with pytest.raises(UsageError, match="metagraph"):
        await setter(chain, subnet).submit({uid: 1.0})


async def test_scores_of_another_subnet_or_other_rules_never_become_weights(chain, subnet):
    scores = await scored(chain, subnet, 1.0)
    with pytest.raises(UsageError, match="subnet 99"):
        await setter(chain, subnet).submit(replace(scores, netuid=99))
    outcome = await setter(chain, subnet).submit(replace(scores, rules_digest="r0"))
    assert (outcome.status, outcome.code) == ("refused", "other-rules")
    assert await held_by_validator(chain, subnet) == {}


async def test_scores_older_than_a_tempo_are_refused(chain, subnet, devnet):
    scores = await scored(chain, subnet, 1.0)
    devnet.mine(15)
    outcome = await setter(chain, subnet, max_age_blocks=None).submit(scores)
    assert (outcome.status, outcome.code) == ("refused", "stale-scores")
    assert (await setter(chain, subnet).submit(scores)).ok


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
async def test_a_score_that_is_no_number_is_refused_and_nothing_is_sent(chain, subnet, bad):
    outcome = await setter(chain, subnet).submit(await scored(chain, subnet, 1.0, bad))
    assert (outcome.status, outcome.code) == ("refused", "invalid-scores")
    assert await held_by_validator(chain, subnet) == {}


async def test_all_zero_sets_nothing_or_burns_to_the_owner_when_told_to(chain, subnet):
    scores = await scored(chain, subnet, 0.0, 0.0)
    outcome = await setter(chain, subnet).submit(scores)
    assert (outcome.status, outcome.code) == ("nothing", "all-zero")
    assert (await setter(chain, subnet, burn_when_empty=True).submit(scores)).ok
    owner_uid = (await chain.metagraph(subnet.netuid)).uid_of(subnet.owner.hotkey_address)
    assert await held_by_validator(chain, subnet) == {owner_uid: U16}


async def test_the_subnets_limits_are_kept(chain, subnet, alice):
    await set_parameter(chain, subnet.netuid, "min_allowed_weights", 3, alice, as_root=True)
    outcome = await setter(chain, subnet).submit(await scored(chain, subnet, 1.0))
    assert outcome.ok
    assert outcome.vector is not None
    assert len(outcome.vector.uids) == 3


async def test_an_unregistered_hotkey_is_told_to_register(chain, subnet):
    scores = await scored(chain, subnet, 1.0)
    stranger = WeightSetter(
        chain, subnet.netuid, dev_wallet("//Ferdie"), MemoryStore(), rules_digest="r1", policy=QUICK
    )
    outcome = await stranger.submit(scores)
    assert (outcome.status, outcome.code) == ("refused", "not-registered")
    assert "register" in outcome.remedy


async def test_a_miner_without_permit_is_told_what_a_permit_takes(chain, subnet):
    scores = await scored(chain, subnet, 1.0, 1.0)
    miner = WeightSetter(chain, subnet.netuid, subnet.miners[0], MemoryStore(), rules_digest="r1", policy=QUICK)
    outcome = await miner.submit(scores)
    assert (outcome.status, outcome.code) == ("refused", "no-permit")
    assert "stake" in outcome.remedy


async def test_too_little_stake_is_told_before_sending(chain, subnet, alice):
    from bittensor import calls

    await sudo(chain, "threshold", calls.AdminUtils.sudo_set_stake_threshold(min_stake=10**18), alice)
    outcome = await setter(chain, subnet).submit(await scored(chain, subnet, 1.0))
    assert (outcome.status, outcome.code) == ("refused", "stake-too-low")


async def test_an_old_version_key_is_told_before_sending(chain, subnet, alice):
    await set_parameter(chain, subnet.netuid, "weights_version_key", 5, alice, as_root=True)
    outcome = await setter(chain, subnet).submit(await scored(chain, subnet, 1.0))
    assert (outcome.status, outcome.code) == ("refused", "version-key")
    assert (await setter(chain, subnet, version_key=5).submit(await scored(chain, subnet, 1.0))).ok


async def test_a_rate_limit_is_waited_for_within_the_deadline(chain, subnet, alice):
    await set_parameter(chain, subnet.netuid, "weights_set_rate_limit", 12, alice, as_root=True)
    weights = setter(chain, subnet)
    first = await weights.submit(await scored(chain, subnet, 1.0))
    second = await weights.submit(await scored(chain, subnet, 1.0, 1.0))
    assert second.ok
    assert [attempt.code for attempt in second.attempts][:1] == ["rate-limited"]
    assert first.block is not None
    assert second.block is not None
    assert second.block >= first.block + 12


async def test_scores_that_would_be_stale_by_then_are_not_kept_waiting_for_the_rate_limit(chain, subnet, alice):
    await set_parameter(chain, subnet.netuid, "weights_set_rate_limit", 12, alice, as_root=True)
    weights = setter(chain, subnet, max_age_blocks=4)
    await weights.submit(await scored(chain, subnet, 1.0))
    second = await weights.submit(await scored(chain, subnet, 1.0, 1.0))
    assert (second.status, second.code) == ("refused", "rate-limited")
    assert second.attempts == ()
    assert second.retry_at_block is not None


async def test_a_rate_limit_longer_than_the_deadline_is_told_with_its_end(chain, subnet, alice):
    await set_parameter(chain, subnet.netuid, "weights_set_rate_limit", 5_000, alice, as_root=True)
    weights = setter(chain, subnet)
    first = await weights.submit(await scored(chain, subnet, 1.0))
    # A neuron's registration counts as its first update.
    assert first.code in {"ok", "rate-limited"}
    second = await weights.submit(await scored(chain, subnet, 1.0))
    assert (second.status, second.code) == ("refused", "rate-limited")
    assert second.retry_at_block is not None
    assert "wait" in second.remedy


async def test_with_commit_reveal_the_commit_is_made_and_seen(chain, subnet, alice):
    await set_parameter(chain, subnet.netuid, "commit_reveal_weights_enabled", True, alice, as_root=True)
    store = MemoryStore()
    outcome = await setter(chain, subnet, store).submit(await scored(chain, subnet, 1.0, 2.0))
    assert (outcome.status, outcome.code) == ("committed", "ok")
    commits = await read_commits(chain, subnet.netuid, subnet.validator.hotkey_address)
    assert [(held.block, held.reveal_round) for held in commits] == [(outcome.block, outcome.reveal_round)]
    state = decode_state(store.load() or b"")
    assert [commit.block for commit in state.commits] == [outcome.block]


async def reveal(devnet, chain, subnet, scores, *weights):
    """Open the validator's commit as the drand beacon would."""
    answer = devnet.reveal(subnet.netuid, subnet.validator.hotkey_address, list(scores.uids), list(weights))
    assert answer["revealed"], answer
    devnet.mine(1)


async def test_a_reveal_is_recognised_and_told_once(chain, subnet, alice, devnet):
    await set_parameter(chain, subnet.netuid, "commit_reveal_weights_enabled", True, alice, as_root=True)
    weights = setter(chain, subnet)
    scores = await scored(chain, subnet, 1.0, 1.0)
    assert (await weights.submit(scores)).ok
    assert await weights.reveals() == ()
    await reveal(devnet, chain, subnet, scores, U16, U16)
    assert [told.result for told in await weights.reveals()] == ["revealed"]
    assert await weights.reveals() == ()


async def test_a_commit_that_ended_in_other_weights_is_told_as_lost(chain, subnet, alice, devnet):
    await set_parameter(chain, subnet.netuid, "commit_reveal_weights_enabled", True, alice, as_root=True)
    weights = setter(chain, subnet)
    scores = await scored(chain, subnet, 1.0, 1.0)
    assert (await weights.submit(scores)).ok
    await reveal(devnet, chain, subnet, scores, U16, 1)
    assert [told.result for told in await weights.reveals()] == ["lost"]


async def test_commit_reveal_switched_on_between_look_and_call_is_followed(chain, subnet, alice, devnet):
    weights = setter(chain, subnet)
    scores = await scored(chain, subnet, 1.0)
    assert (await weights.submit(scores)).status == "set"
    devnet.fail_next("SubtensorModule.set_mechanism_weights", "CommitRevealEnabled")
    outcome = await weights.submit(await scored(chain, subnet, 2.0))
    assert outcome.ok
    assert [attempt.code for attempt in outcome.attempts] == ["commit-reveal-switched"]
    await set_parameter(chain, subnet.netuid, "commit_reveal_weights_enabled", True, alice, as_root=True)
    assert (await weights.submit(await scored(chain, subnet, 1.0))).status == "committed"


async def test_a_refusal_by_the_chain_is_an_outcome_with_its_name(chain, subnet, devnet):
    devnet.fail_next("SubtensorModule.set_mechanism_weights", "NeuronNoValidatorPermit")
    store = MemoryStore()
    outcome = await setter(chain, subnet, store).submit(await scored(chain, subnet, 1.0))
    assert (outcome.status, outcome.code) == ("refused", "chain-refused")
    assert "NeuronNoValidatorPermit" in outcome.detail
    assert outcome.remedy
    assert decode_state(store.load() or b"").pending is None


async def test_a_rate_limit_that_only_the_chain_knew_of_is_waited_out(chain, subnet, devnet):
    devnet.fail_next("SubtensorModule.set_mechanism_weights", "SettingWeightsTooFast")
    outcome = await setter(chain, subnet).submit(await scored(chain, subnet, 1.0))
    assert outcome.ok
    assert [attempt.code for attempt in outcome.attempts] == ["rate-limited"]


async def test_a_chain_that_refuses_again_and_again_ends_in_an_outcome(chain, subnet, devnet):
    weights = setter(chain, subnet, max_attempts=1)
    devnet.fail_next("SubtensorModule.set_mechanism_weights", "SettingWeightsTooFast")
    outcome = await weights.submit(await scored(chain, subnet, 1.0))
    assert (outcome.status, outcome.code) == ("refused", "rate-limited")


async def test_a_validator_pushed_out_mid_run_is_told_and_keeps_quiet(chain, subnet, devnet):
    weights = setter(chain, subnet)
    assert (await weights.submit(await scored(chain, subnet, 1.0))).ok
    scores = await scored(chain, subnet, 1.0)
    uid = (await chain.metagraph(subnet.netuid)).uid_of(subnet.validator.hotkey_address)
    successor = dev_wallet("//Successor").hotkey_address
    devnet.set_storage("SubtensorModule", "Keys", subnet.netuid, uid, value=successor)
    devnet.mine(1)
    outcome = await weights.submit(scores)
    assert (outcome.status, outcome.code) == ("refused", "not-registered")


async def test_the_commits_of_an_open_extrinsic_are_remembered_once_it_is_found(devnet, chain, subnet, alice, tmp_path):
    await set_parameter(chain, subnet.netuid, "commit_reveal_weights_enabled", True, alice, as_root=True)
    path = tmp_path / "weights.json"
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=1.0) as faulty:
        weights = setter(faulty, subnet, FileStore(path))
        await weights.last_sent()
        proxy.swallow_answers = {SUBMIT}
        assert (await weights.submit(await scored(chain, subnet, 1.0))).status == "unknown"
    restarted = setter(chain, subnet, FileStore(path))
    assert (await restarted.submit(await scored(chain, subnet, 1.0))).status == "committed"
    assert len(decode_state(path.read_bytes()).commits) == 2


async def test_a_miner_that_left_gets_nothing_and_the_others_keep_theirs(chain, subnet, devnet, alice):
    scores = await scored(chain, subnet, 1.0, 3.0)
    gone = subnet.miners[0]
    await set_parameter(chain, subnet.netuid, "immunity_period", 0, alice, as_root=True)
    await set_parameter(chain, subnet.netuid, "min_non_immune_uids", 0, alice, as_root=True)
    size = len(await chain.metagraph(subnet.netuid))
    await set_parameter(chain, subnet.netuid, "min_allowed_uids", 1, alice, as_root=True)
    await set_parameter(chain, subnet.netuid, "max_allowed_uids", size, alice, as_root=True)
    emission = [10**9] * size
    emission[scores.uids[0]] = 0
    devnet.set_storage("SubtensorModule", "Emission", subnet.netuid, value=emission)
    newcomer = dev_wallet("//Alice", hotkey="//Alice//newcomer")
    await register(chain, subnet.netuid, newcomer)
    graph = await chain.metagraph(subnet.netuid)
    assert len(graph) == size
    assert gone.hotkey_address not in graph.hotkeys
    outcome = await setter(chain, subnet).submit(scores)
    assert outcome.ok
    assert outcome.dropped == (gone.hotkey_address,)
    assert graph.uid_of(newcomer.hotkey_address) not in await held_by_validator(chain, subnet)


async def test_the_last_vector_and_commits_survive_a_restart(chain, subnet, tmp_path):
    store = FileStore(tmp_path / "weights.json")
    outcome = await setter(chain, subnet, store).submit(await scored(chain, subnet, 1.0))
    again = setter(chain, subnet, FileStore(tmp_path / "weights.json"))
    last = await again.last_sent()
    assert last is not None
    assert outcome.vector is not None
    assert (last.block, last.digest) == (outcome.block, outcome.vector.digest())


async def test_state_of_another_chain_is_not_taken_over(chain, subnet):
    store = MemoryStore()
    await setter(chain, subnet, store).submit(await scored(chain, subnet, 1.0))
    foreign = MemoryStore((store.load() or b"").replace(b'"genesis":"0x', b'"genesis":"0xff'))
    assert await setter(chain, subnet, foreign).last_sent() is None


async def test_an_extrinsic_cut_off_in_flight_is_found_and_not_sent_again(devnet, chain, subnet):
    scores = await scored(chain, subnet, 1.0, 1.0)
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=5) as faulty:
        proxy.cut_after = SUBMIT
        outcome = await setter(faulty, subnet).submit(scores)
        assert outcome.ok
        assert proxy.requests[SUBMIT] == 1


async def test_an_extrinsic_with_open_fate_is_settled_before_the_next_after_a_restart(devnet, chain, subnet, tmp_path):
    path = tmp_path / "weights.json"
    scores = await scored(chain, subnet, 1.0, 1.0)
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=1.0) as faulty:
        proxy.cut_before = SUBMIT
        outcome = await setter(faulty, subnet, FileStore(path)).submit(scores)
        assert (outcome.status, outcome.code) == ("unknown", "fate-unknown")
        assert outcome.retry_at_block is not None
        assert decode_state(path.read_bytes()).pending is not None
    devnet.mine(70)
    restarted = setter(chain, subnet, FileStore(path))
    assert (await restarted.submit(await scored(chain, subnet, 1.0, 1.0))).ok
    assert decode_state(path.read_bytes()).pending is None


async def test_a_vector_included_while_nobody_watched_counts_as_sent(devnet, chain, subnet, tmp_path):
    path = tmp_path / "weights.json"
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=1.0) as faulty:
        weights = setter(faulty, subnet, FileStore(path))
        scores = await scored(chain, subnet, 1.0, 1.0)
        await weights.last_sent()
        proxy.swallow_answers = {SUBMIT}
        outcome = await weights.submit(scores)
        assert outcome.status == "unknown"
    restarted = setter(chain, subnet, FileStore(path))
    second = await restarted.submit(await scored(chain, subnet, 1.0, 1.0))
    assert second.ok
    assert await held_by_validator(chain, subnet) != {}


async def test_a_chain_that_is_down_is_an_outcome_at_the_deadline(devnet, chain, subnet):
    scores = await scored(chain, subnet, 1.0)
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=1.0) as faulty:
        store = MemoryStore()
        weights = setter(faulty, subnet, store, deadline_seconds=2.0, retry_pause_seconds=0.2)
        proxy.refuse = True
        proxy.drop()
        outcome = await weights.submit(scores)
        assert (outcome.status, outcome.code) == ("failed", "chain-unavailable")
        assert outcome.remedy
        proxy.refuse = False
        patient = setter(faulty, subnet, store, deadline_seconds=20.0, max_attempts=20)
        assert (await patient.submit(await scored(chain, subnet, 1.0))).ok


async def test_a_chain_that_hangs_is_an_outcome_too(devnet, chain, subnet):
    scores = await scored(chain, subnet, 1.0)
    async with FaultyProxy(devnet.url) as proxy, Chain.connect(proxy.url, deadline_seconds=0.6) as faulty:
        weights = setter(faulty, subnet, deadline_seconds=2.0, retry_pause_seconds=0.2)
        await weights.last_sent()
        proxy.hang = True
        outcome = await weights.submit(scores)
        assert (outcome.status, outcome.code) == ("failed", "chain-unavailable")
