"""Reasons not to send, found before sending."""

from dataclasses import replace

import pytest

from taostack.chain.metagraph import Metagraph
from taostack.chain.schedule import EpochSchedule
from taostack.chain.vector import WeightVector
from taostack.chain.weight_rules import WeightRules, allowed

VECTOR = WeightVector((0, 2), (65_535, 1))
TAO = 10**9


def rules(
    *, hotkey="val", last_update=0, block=500, permit=True, stake=1_000 * TAO, owner="own", **changes
) -> WeightRules:
    metagraph = Metagraph.build(
        3,
        ["own", "val", "min"],
        block=block,
        owner_hotkey=owner,
        stake_rao=[0, stake, 0],
        permit=[False, permit, False],
        last_update=[0, last_update, 0],
    )
    base = WeightRules(
        metagraph=metagraph,
        hotkey=hotkey,
        commit_reveal=False,
        rate_limit=100,
        min_allowed_weights=1,
        max_weight_limit=65_535,
        version_key=0,
        stake_threshold_rao=0,
        reveal_period_epochs=1,
        schedule=EpochSchedule(3, block, 360, 400, 1),
        block_seconds=12.0,
    )
    return replace(base, **changes)


def test_a_registered_validator_with_permit_may_set_weights():
    assert allowed(rules(), VECTOR, 0) is None


def test_a_hotkey_without_uid_may_not():
    refusal = allowed(rules(hotkey="gone"), VECTOR, 0)
    assert refusal is not None
    assert refusal.code == "not-registered"
    assert "register" in refusal.remedy


@pytest.mark.parametrize(("last_update", "block", "free_at"), [(450, 500, 550), (499, 500, 599), (401, 500, 501)])
def test_the_rate_limit_names_the_block_at_which_it_ends(last_update, block, free_at):
    refusal = allowed(rules(last_update=last_update, block=block), VECTOR, 0)
    assert refusal is not None
    assert (refusal.code, refusal.retry_at_block) == ("rate-limited", free_at)
    assert f"{(free_at - block) * 12} s" in refusal.remedy


@pytest.mark.parametrize("last_update", [0, 400, 399])
def test_the_rate_limit_is_over_after_that_many_blocks_and_never_holds_the_first_vector(last_update):
    assert allowed(rules(last_update=last_update), VECTOR, 0) is None


def test_no_rate_limit_means_no_wait():
    assert allowed(rules(last_update=500, rate_limit=0), VECTOR, 0) is None


def test_without_a_permit_only_oneself_may_be_weighted():
    refused = allowed(rules(permit=False), VECTOR, 0)
    assert refused is not None
    assert (refused.code, refused.retry_at_block) == ("no-permit", 760)
    assert allowed(rules(permit=False), WeightVector((1,), (65_535,)), 0) is None


def test_under_null_consensus_a_self_weight_needs_the_permit_too():
    refused = allowed(rules(permit=False, single_permit=True), WeightVector((1,), (65_535,)), 0)
    assert refused is not None
    assert refused.code == "no-permit"


def test_the_owner_needs_neither_permit_nor_stake():
    assert allowed(rules(hotkey="own", stake_threshold_rao=TAO), VECTOR, 0) is None


def test_too_little_stake_is_told_with_both_amounts():
    refused = allowed(rules(stake=5 * TAO, stake_threshold_rao=10 * TAO), VECTOR, 0)
    assert refused is not None
    assert refused.code == "stake-too-low"
    assert "5.0000" in refused.detail
    assert "10.0000" in refused.detail


def test_an_older_version_key_is_refused_and_a_newer_one_is_not():
    refused = allowed(rules(version_key=7), VECTOR, 6)
    assert refused is not None
    assert refused.code == "version-key"
    assert allowed(rules(version_key=7), VECTOR, 7) is None
    assert allowed(rules(version_key=0), VECTOR, 0) is None
