"""What Yuma promises for any subnet, and that the arrays agree with a second implementation to the bit."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from taostack.devnet.economics.yuma import EpochInputs, EpochOutputs, LiquidAlpha, Rows, epoch
from taostack.devnet.economics.yuma.model import NEVER
from tests.support import yuma_reference as reference

ONE = 1 << 32
U16 = st.integers(0, 65_535)


@st.composite
def rows(draw: st.DrawFn, n: int) -> Rows:
    """Sparse rows with zeros among the entries."""
    entry = st.tuples(st.integers(0, n - 1), st.one_of(st.just(0), U16, st.just(65_535)))
    line = st.lists(entry, max_size=n, unique_by=lambda pair: pair[0])
    return Rows.of(draw(st.dictionaries(st.integers(0, n - 1), line, max_size=n)), n)


@st.composite
def subnets(draw: st.DrawFn) -> EpochInputs:
    """Any small subnet, with everything that can happen to it."""
    n = draw(st.integers(1, 7))

    def column(values: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(values, min_size=n, max_size=n))

    block = draw(st.integers(20, 60))
    stake = column(st.one_of(st.just(0), st.integers(0, 20), st.integers(0, 2**62)))
    commit_blocks = None
    if draw(st.booleans()):
        commit_blocks = np.array(column(st.one_of(st.just(NEVER), st.integers(0, 60))), np.int64)
    liquid = st.builds(LiquidAlpha, st.integers(1_638, 40_000), st.integers(40_000, 65_535), st.integers(-500, 3_000))
    return EpochInputs(
        block=block,
        tempo=draw(st.integers(1, 20)),
        activity_cutoff=draw(st.sampled_from([10, 5_000])),
        stake=[held << 64 for held in stake],
        last_update=np.array(column(st.integers(0, block)), np.int64),
        registered=np.array(column(st.sampled_from([0, 0, 5, 30, 50])), np.int64),
        permits=np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_),
        weights=draw(rows(n)),
        bonds=draw(rows(n)),
        max_validators=draw(st.integers(1, n)),
        min_stake=draw(st.sampled_from([0, 0, 5])),
        owner_uid=draw(st.one_of(st.none(), st.integers(0, n - 1))),
        commit_blocks=commit_blocks,
        kappa=draw(st.one_of(st.just(32_767), U16)),
        bonds_penalty=draw(st.one_of(st.just(65_535), st.just(0), U16)),
        bonds_moving_average=draw(st.sampled_from([0, 900_000, 975_000, 1_000_000])),
        yuma3=draw(st.booleans()),
        liquid_alpha=draw(st.one_of(st.none(), liquid)),
        last_step=draw(st.sampled_from([0, 0, 10, 25])),
        rao_emission=draw(st.sampled_from([0, 1, 10**9, 2**64 - 1])),
    )


def entries(found: Rows) -> dict[int, dict[int, int]]:
    return {uid: dict(pairs) for uid, pairs in found.pairs().items() if pairs}


@settings(max_examples=100, deadline=None)
@given(subnets())
def test_the_arrays_agree_with_the_plain_integers_to_the_bit(inputs: EpochInputs) -> None:
    outputs, expected = epoch(inputs), reference.run(inputs)
    exact = outputs.exact
    assert exact.stake.tolist() == expected.stake
    assert exact.consensus.tolist() == expected.consensus
    assert exact.incentive.tolist() == expected.incentive
    assert exact.dividends.tolist() == expected.dividends
    assert exact.validator_trust.tolist() == expected.trust
    assert outputs.permits.tolist() == expected.permits
    assert entries(exact.bonds) == {uid: row for uid, row in expected.bonds.items() if row}
    assert list(outputs.server_emission) == expected.server
    assert list(outputs.validator_emission) == expected.validator
    assert list(outputs.emission) == expected.emission


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_a_full_subnet_agrees_too(seed: int, yuma3: bool) -> None:
    rng = np.random.default_rng(seed)
    n, validators = 40, 12
    every = np.ones((validators, n), np.bool_)
    inputs = EpochInputs(
        block=1_000,
        tempo=360,
        activity_cutoff=5_000,
        stake=[int(held) << 64 for held in rng.integers(0, 2**50, n)],
        last_update=np.full(n, 900),
        registered=np.zeros(n, np.int64),
        permits=np.arange(n) < validators,
        weights=Rows(np.arange(validators), rng.integers(0, 65_536, (validators, n)), every),
        bonds=Rows(np.arange(validators), rng.integers(0, 65_536, (validators, n)), every),
        max_validators=validators,
        yuma3=yuma3,
        liquid_alpha=LiquidAlpha() if yuma3 else None,
        rao_emission=10**12,
    )
    outputs, expected = epoch(inputs), reference.run(inputs)
    assert outputs.exact.dividends.tolist() == expected.dividends
    assert outputs.exact.incentive.tolist() == expected.incentive
    assert list(outputs.emission) == expected.emission
    assert entries(outputs.exact.bonds) == {uid: row for uid, row in expected.bonds.items() if row}


@settings(max_examples=60, deadline=None)
@given(subnets())
def test_emission_is_never_more_than_was_given_and_only_roundings_less(inputs: EpochInputs) -> None:
    outputs = epoch(inputs)
    rao = inputs.rao_emission
    apart = [
        server + validator
        for server, validator in zip(outputs.server_emission, outputs.validator_emission, strict=True)
    ]
    for parts in (list(outputs.emission), apart):
        assert sum(parts) <= rao
        if outputs.exact.stake.any():  # every part is cut by less than 2^-32 of the emission, and by less than a rao
            assert sum(parts) >= rao - ((2 * inputs.n + 2) * rao >> 32) - 2 * inputs.n - 1


@settings(max_examples=50, deadline=None)
@given(subnets(), st.randoms())
def test_naming_the_uids_differently_names_the_results_differently(inputs: EpochInputs, random: object) -> None:
    n = inputs.n
    order = list(range(n))
    random.shuffle(order)  # type: ignore[attr-defined]
    place = np.array(order)  # uid i becomes place[i]
    if len(set(inputs.stake)) < n:  # of equal stakes the later uid keeps its permit: there names do matter
        inputs = replace(inputs, max_validators=n)
    renamed = epoch(_renamed(inputs, place))
    outputs = epoch(inputs)
    for name in ("consensus", "incentive", "dividends", "validator_trust", "permits", "active", "stake_weight"):
        assert getattr(renamed, name)[place].tolist() == getattr(outputs, name).tolist(), name
    assert [renamed.emission[to] for to in order] == list(outputs.emission)
    assert entries(renamed.bonds) == {
        order[i]: {order[j]: b for j, b in row.items()} for i, row in entries(outputs.bonds).items()
    }


def _renamed(inputs: EpochInputs, place: np.ndarray) -> EpochInputs:
    back = np.argsort(place)

    def matrix(old: Rows) -> Rows:
        return Rows.of(
            {int(place[i]): [(int(place[j]), v) for j, v in pairs] for i, pairs in old.pairs().items()}, inputs.n
        )

    return replace(
        inputs,
        stake=[inputs.stake[i] for i in back],
        last_update=inputs.last_update[back],
        registered=inputs.registered[back],
        permits=inputs.permits[back],
        commit_blocks=None if inputs.commit_blocks is None else inputs.commit_blocks[back],
        owner_uid=None if inputs.owner_uid is None else int(place[inputs.owner_uid]),
        weights=matrix(inputs.weights),
        bonds=matrix(inputs.bonds),
    )


@settings(max_examples=50, deadline=None)
@given(subnets(), st.integers(2, 1_000))
def test_scaling_a_row_of_weights_changes_nothing(inputs: EpochInputs, factor: int) -> None:
    scaled = replace(inputs, weights=replace(inputs.weights, values=inputs.weights.values * factor))
    assert _summary(epoch(scaled)) == _summary(epoch(inputs))


@settings(max_examples=50, deadline=None)
@given(subnets())
def test_a_new_holder_of_a_uid_earns_nothing_from_weights_and_bonds_of_the_old_one(inputs: EpochInputs) -> None:
    registered = inputs.registered.copy()
    registered[0] = inputs.block
    outputs = epoch(replace(inputs, registered=registered, last_step=0, tempo=1))
    assert outputs.incentive[0] == 0
    assert outputs.consensus[0] == 0
    assert not outputs.bonds.values[:, 0].any()


@settings(max_examples=50, deadline=None)
@given(subnets())
def test_only_the_owners_weight_on_itself_counts(inputs: EpochInputs) -> None:
    uids = np.arange(inputs.n)
    alone = Rows.of({int(uid): [(int(uid), 65_535)] for uid in uids}, inputs.n)
    outputs = epoch(replace(inputs, weights=alone, last_update=np.full(inputs.n, inputs.block)))
    others = uids != (-1 if inputs.owner_uid is None else inputs.owner_uid)
    assert not outputs.incentive[others].any()


@settings(max_examples=50, deadline=None)
@given(subnets())
def test_permits_go_to_the_most_stake_and_never_to_none(inputs: EpochInputs) -> None:
    outputs = epoch(replace(inputs, owner_uid=None, min_stake=0))
    stake = outputs.exact.stake
    assert outputs.permits.sum() <= inputs.max_validators
    assert not outputs.permits[stake == 0].any()
    assert outputs.permits.sum() == min(inputs.max_validators, int((stake > 0).sum()))
    if outputs.permits.any() and (~outputs.permits).any():
        assert stake[outputs.permits].min() >= stake[~outputs.permits].max()


def _summary(outputs: EpochOutputs) -> tuple[object, ...]:
    return (
        outputs.consensus.tolist(),
        outputs.incentive.tolist(),
        outputs.dividends.tolist(),
        outputs.emission,
        entries(outputs.bonds),
    )
