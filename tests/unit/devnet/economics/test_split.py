"""An epoch's alpha is divided without a rao too many."""

from hypothesis import given
from hypothesis import strategies as st

from taostack.devnet.economics.split import (
    Backing,
    Parent,
    Pots,
    Scores,
    mechanism_shares,
    pay,
    share_with_parents,
)


def simple(pots: Pots, scores: list[Scores], backing: dict[str, Backing]) -> tuple[dict[str, int], dict[str, int], int]:
    payout = pay(pots, scores, backing, {}, {}, {})
    return payout.incentive, payout.alpha_dividends, payout.undistributed


def test_miners_get_their_scores_and_validators_share_their_pot() -> None:
    scores = [Scores("miner", 100, 0), Scores("a", 0, 75), Scores("b", 0, 25)]
    backing = {"a": Backing(3, 0), "b": Backing(1, 0)}
    assert simple(Pots(100, 100, 0), scores, backing) == ({"miner": 100}, {"a": 75, "b": 25}, 0)


def test_when_nobody_earned_incentive_validators_get_the_miners_pot_too() -> None:
    scores = [Scores("a", 0, 150), Scores("b", 0, 50)]
    backing = {"a": Backing(3, 0), "b": Backing(1, 0)}
    assert simple(Pots(100, 100, 0), scores, backing) == ({}, {"a": 150, "b": 50}, 0)


def test_root_gets_the_part_that_its_tao_earned() -> None:
    scores = [Scores("miner", 110, 0), Scores("a", 0, 60), Scores("b", 0, 50)]
    backing = {"a": Backing(1, 1), "b": Backing(5, 0)}
    payout = pay(Pots(110, 90, 20), scores, backing, {}, {}, {})
    assert payout.root_dividends == {"a": 20}
    assert payout.alpha_dividends == {"a": 90 * 30 // 80, "b": 90 * 50 // 80}
    assert payout.undistributed == 220 - 110 - 20 - sum(payout.alpha_dividends.values())


def test_without_anybody_all_is_left_over() -> None:
    assert simple(Pots(10, 10, 1), [], {}) == ({}, {}, 21)


def test_a_parent_gets_its_part_less_the_childs_take() -> None:
    parents = [Parent("parent", 300, same_owner=False)]
    assert share_with_parents("child", 1_000, parents, 100, 6_554) == {"parent": 750 - 75, "child": 325}


def test_no_take_between_hotkeys_of_one_owner() -> None:
    parents = [Parent("parent", 300, same_owner=True)]
    assert share_with_parents("child", 1_000, parents, 100, 65_535) == {"parent": 750, "child": 250}


def test_a_validator_without_parents_keeps_all() -> None:
    assert share_with_parents("alone", 7, [], 0, 100) == {"alone": 7}
    assert share_with_parents("alone", 0, [], 5, 100) == {}


NAMES = st.sampled_from(list("abcdefg"))
AMOUNT = st.integers(0, 10**12)


@given(
    st.builds(Pots, AMOUNT, AMOUNT, AMOUNT),
    st.lists(st.tuples(NAMES, st.integers(0, 100), st.integers(0, 100)), max_size=7, unique_by=lambda each: each[0]),
    st.dictionaries(NAMES, st.builds(Backing, AMOUNT, AMOUNT)),
    st.dictionaries(NAMES, st.lists(st.builds(Parent, NAMES, AMOUNT, st.booleans()), max_size=3)),
    st.dictionaries(NAMES, st.integers(0, 65_535)),
)
def test_parts_and_rest_are_exactly_the_pots(
    pots: Pots,
    parts: list[tuple[str, int, int]],
    backing: dict[str, Backing],
    parents: dict[str, list[Parent]],
    take: dict[str, int],
) -> None:
    whole = max(1, sum(server + validator for _, server, validator in parts))
    scores = [Scores(name, pots.total * a // whole, pots.total * b // whole) for name, a, b in parts]
    payout = pay(pots, scores, backing, parents, {name: 5 for name in "abcdefg"}, take)
    paid = [*payout.incentive.values(), *payout.alpha_dividends.values(), *payout.root_dividends.values()]
    assert sum(paid) + payout.undistributed == pots.total
    assert payout.undistributed >= 0
    assert all(part > 0 for part in paid)


def test_mechanisms_share_by_their_split_or_evenly() -> None:
    assert mechanism_shares(1, None, 101) == [101]
    assert mechanism_shares(2, None, 101) == [51, 50]
    assert mechanism_shares(2, [16_384, 49_151], 100) == [26, 74]
    assert mechanism_shares(2, [0, 0], 100) == [50, 50]
