"""Scores stay bound to the hotkeys they were computed for."""

import numpy as np
import pytest

from taostack.chain.metagraph import Metagraph
from taostack.chain.scores import ComputedScores, remap
from taostack.process.errors import UsageError


def graph(*hotkeys, block=100, registered_at=None):
    return Metagraph.build(1, hotkeys, block=block, registered_at=registered_at)


def test_a_mapping_and_a_column_give_the_same_scores():
    metagraph = graph("a", "b", "c")
    by_uid = ComputedScores.of(metagraph, {2: 0.5, 0: 0.0, 1: 1.0}, rules_digest="r")
    assert by_uid == ComputedScores.of(metagraph, np.array([0.0, 1.0, 0.5]), rules_digest="r")
    assert (by_uid.block, by_uid.hotkeys) == (100, ("a", "b", "c"))


def test_scores_for_uids_that_do_not_exist_are_refused():
    with pytest.raises(UsageError, match=r"uids \[5\] are not in the metagraph"):
        ComputedScores.of(graph("a"), {5: 1.0}, rules_digest="r")
    with pytest.raises(UsageError, match="shape"):
        ComputedScores.of(graph("a"), [1.0, 2.0], rules_digest="r")


def test_a_hotkey_that_moved_takes_its_score_along():
    scores = ComputedScores.of(graph("a", "b"), [0.1, 0.9], rules_digest="r")
    carried = remap(scores, graph("b", "a", block=110))
    assert carried.scores == {1: 0.1, 0: 0.9}
    assert carried.moved == ("a", "b")


def test_a_newcomer_on_a_recycled_uid_inherits_nothing():
    scores = ComputedScores.of(graph("a", "b"), [0.1, 0.9], rules_digest="r")
    carried = remap(scores, graph("a", "new", block=110, registered_at=[0, 105]))
    assert carried.scores == {0: 0.1}
    assert carried.dropped == ("b",)


def test_a_hotkey_that_left_and_came_back_inherits_nothing_either():
    scores = ComputedScores.of(graph("a", "b"), [0.1, 0.9], rules_digest="r")
    carried = remap(scores, graph("a", "b", block=110, registered_at=[0, 105]))
    assert carried.scores == {0: 0.1}
    assert carried.dropped == ("b",)
