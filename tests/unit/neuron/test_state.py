"""What is remembered of a neuron dies with its place on the subnet."""

import pytest

from taostack.chain.metagraph import Metagraph
from taostack.neuron.keys import NeuronKey, key_of, keys_by_uid, uids_of
from taostack.neuron.state import CheckpointStore, Remembered
from taostack.neuron.tables import MIGRATIONS
from taostack.storage import open_database

BEFORE = Metagraph.build(1, ["anna", "bert", "cora"], block=100, registered_at=[1, 2, 3])
RECYCLED = Metagraph.build(1, ["anna", "dora", "cora"], block=200, registered_at=[1, 150, 3])
RETURNED = Metagraph.build(1, ["anna", "bert", "cora"], block=300, registered_at=[1, 250, 3])
GROWN = Metagraph.build(1, ["cora", "anna", "emil", "bert"], block=300, registered_at=[3, 1, 240, 2])
SHRUNK = Metagraph.build(1, ["cora"], block=300, registered_at=[3])


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "a.sqlite", [MIGRATIONS]) as opened:
        yield opened


@pytest.fixture
def streaks(database):
    remembered = Remembered("streaks")
    with database.transaction() as connection:
        values = {key: key.hotkey.encode() for key in keys_by_uid(BEFORE)}
        remembered.save(connection, values, block=100)
        Remembered("other").save(connection, {key_of(BEFORE, 0): b"x"}, block=100)
    return remembered


def loaded(database, remembered, metagraph):
    with database.reading() as connection:
        return remembered.load(connection, metagraph)


@pytest.mark.parametrize(
    ("metagraph", "expected"),
    [
        (BEFORE, {0: b"anna", 1: b"bert", 2: b"cora"}),
        (RECYCLED, {0: b"anna", 2: b"cora"}),
        (RETURNED, {0: b"anna", 2: b"cora"}),
        (GROWN, {0: b"cora", 1: b"anna", 3: b"bert"}),
        (SHRUNK, {0: b"cora"}),
    ],
    ids=["same", "recycled uid", "hotkey came back", "grown and shuffled", "shrunk"],
)
def test_memory_follows_the_neuron_not_the_uid(database, streaks, metagraph, expected):
    assert loaded(database, streaks, metagraph) == expected


def test_saving_replaces_only_the_neurons_at_hand(database, streaks):
    with database.transaction() as connection:
        streaks.save(connection, {key_of(BEFORE, 1): b"new"}, block=120)
        streaks.save(connection, {}, block=120)
    assert loaded(database, streaks, BEFORE) == {0: b"anna", 1: b"new", 2: b"cora"}
    with database.reading() as connection:
        assert streaks.get(connection, key_of(BEFORE, 1)) == b"new"
        assert streaks.get(connection, NeuronKey("bert", 250)) is None


def test_those_who_left_long_ago_are_forgotten(database, streaks):
    with database.transaction() as connection:
        assert streaks.forget_gone(connection, RECYCLED, before_block=100) == 0
        assert streaks.forget_gone(connection, RECYCLED, before_block=101) == 1
    assert loaded(database, streaks, BEFORE) == {0: b"anna", 2: b"cora"}


def test_a_key_equals_the_metagraphs_own_identity():
    assert key_of(BEFORE, 1) == BEFORE.identity_of(1)
    assert str(key_of(BEFORE, 1)) == "bert@2"
    keys = [*keys_by_uid(BEFORE), NeuronKey("gone", 9)]
    assert [uid for uid, _ in uids_of(RETURNED, keys)] == [0, 2]


def test_the_weight_setters_store_survives_in_the_database(database):
    store = CheckpointStore(database, "weights")
    assert store.load() is None
    store.save(b"one")
    store.save(b"two")
    assert CheckpointStore(database, "weights").load() == b"two"
