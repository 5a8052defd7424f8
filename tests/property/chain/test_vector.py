"""What ``prepare`` promises for any scores, checked as the chain checks them."""

import itertools

import hypothesis.strategies as st
from hypothesis import assume, given

from taostack.chain.vector import Limits, VectorRefusedError, WeightVector, prepare

U16 = 65_535

scores = st.dictionaries(
    st.integers(0, 63), st.one_of(st.just(0.0), st.floats(0, 1e300), st.floats(0, 1)), min_size=1, max_size=64
)


def limits(max_weight_limit: int = U16, min_allowed_weights: int = 1, own_uid: int | None = None) -> Limits:
    return Limits(64, min_allowed_weights, max_weight_limit, own_uid)


def chain_accepts(vector: WeightVector, rules: Limits) -> bool:
    """The runtime's own conditions, in integers (subnets/weights.rs)."""
    if len(set(vector.uids)) != len(vector.uids) or not all(0 <= uid < rules.neurons for uid in vector.uids):
        return False
    if vector.uids == (rules.own_uid,):
        return True
    if len(vector.uids) < min(rules.min_allowed_weights, rules.neurons):
        return False
    return max(vector.weights) * U16 <= rules.max_weight_limit * sum(vector.weights)


def refusal(values: dict[int, float], rules: Limits) -> str | None:
    """The code with which ``prepare`` refuses, None when it does not."""
    try:
        prepare(values, rules)
    except VectorRefusedError as refused:
        return refused.code
    return None


@given(scores, st.integers(1, U16), st.integers(0, 80), st.one_of(st.none(), st.integers(0, 63)))
def test_the_chain_accepts_every_prepared_vector(values, limit, least, own_uid):
    rules = limits(limit, least, own_uid)
    positive = {uid for uid, score in values.items() if score > 0}
    if not positive:
        assert refusal(values, rules) == "all-zero"
    elif positive != {own_uid} and len(positive) * limit < U16:
        assert refusal(values, rules) == "too-few-weights"
    else:
        assert chain_accepts(prepare(values, rules), rules)


@given(scores, st.integers(1, U16))
def test_the_largest_weight_is_always_65535(values, limit):
    try:
        vector = prepare(values, limits(limit))
    except VectorRefusedError:
        return
    assert max(vector.weights) == U16


@given(scores, st.integers(1, U16), st.floats(1e-6, 1e6))
def test_scaling_all_scores_changes_nothing(values, limit, factor):
    scaled = {uid: score * factor for uid, score in values.items()}
    # Overflow and underflow are other scores, not scaled ones.
    assume(
        all(
            (a == 0) == (b == 0) and b < 1e305 and (b == 0 or b > 1e-290)
            for a, b in zip(values.values(), scaled.values(), strict=True)
        )
    )
    assert refusal(scaled, limits(limit)) == refusal(values, limits(limit))
    if refusal(values, limits(limit)) is not None:
        return
    expected = prepare(values, limits(limit))
    vector = prepare(scaled, limits(limit))
    held, wanted = (
        dict(zip(vector.uids, vector.weights, strict=True)),
        dict(zip(expected.uids, expected.weights, strict=True)),
    )
    assert all(abs(held.get(uid, 0) - wanted.get(uid, 0)) <= 1 for uid in values)


@given(scores, st.integers(1, U16), st.permutations(range(64)))
def test_renaming_uids_renames_weights_and_nothing_else(values, limit, names):
    try:
        vector = prepare(values, limits(limit))
    except VectorRefusedError:
        return
    renamed = prepare({names[uid]: score for uid, score in values.items()}, limits(limit))
    assert dict(zip(renamed.uids, renamed.weights, strict=True)) == {
        names[uid]: weight for uid, weight in zip(vector.uids, vector.weights, strict=True)
    }


@given(scores, st.integers(1, U16))
def test_who_scores_more_never_weighs_less(values, limit):
    try:
        vector = prepare(values, limits(limit))
    except VectorRefusedError:
        return
    held = dict(zip(vector.uids, vector.weights, strict=True))
    ranked = sorted(values, key=lambda uid: values[uid])
    assert all(held.get(low, 0) <= held.get(high, 0) for low, high in itertools.pairwise(ranked))


@given(scores)
def test_without_a_limit_shares_follow_scores_to_the_rounding_of_u16(values):
    try:
        vector = prepare(values, limits())
    except VectorRefusedError:
        return
    top = max(values.values())
    held = dict(zip(vector.uids, vector.weights, strict=True))
    assert all(abs(held.get(uid, 0) - score / top * U16) <= 0.5 + 1e-6 for uid, score in values.items())


@given(scores, st.integers(1, U16), st.integers(0, 64))
def test_padding_adds_entries_but_no_weight(values, limit, least):
    try:
        bare = prepare(values, limits(limit, 0))
    except VectorRefusedError:
        return
    padded = prepare(values, limits(limit, least))
    assert padded.digest() == bare.digest()
    assert padded.shares() == bare.shares()
    assert len(padded.uids) >= least
