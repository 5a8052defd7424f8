"""Whatever is appended is replayed, and any single changed byte is found."""

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taostack.storage import Journal, open_database
from taostack.storage.errors import JournalBrokenError
from taostack.storage.journal import link
from taostack.storage.schema import journal_entries, journal_heads

contents = st.lists(
    st.tuples(
        st.text(st.characters(blacklist_categories=["Cs"], min_codepoint=1), min_size=1, max_size=16),
        st.binary(max_size=200),
    ),
    min_size=1,
    max_size=12,
)
relaxed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(contents=contents, start=st.integers(0, 12))
def test_replay_gives_back_exactly_what_was_appended(tmp_path_factory, contents, start):
    with open_database(tmp_path_factory.mktemp("journal") / "a.sqlite") as database:
        journal = Journal(database)
        for kind, payload in contents:
            journal.append(kind, payload)
        start = min(start, len(contents))
        assert [(entry.kind, entry.payload) for entry in journal.replay(after=start)] == contents[start:]
        assert journal.verify().seq == len(contents)


@relaxed
@given(contents=contents, data=st.data())
def test_one_flipped_bit_anywhere_in_the_stored_bytes_is_found(tmp_path_factory, contents, data):
    with open_database(tmp_path_factory.mktemp("journal") / "a.sqlite") as database:
        journal = Journal(database)
        for kind, payload in contents:
            journal.append(kind, payload)
        seq = data.draw(st.integers(1, len(contents)))
        column = data.draw(st.sampled_from(["payload", "digest"]))
        entry = list(journal.replay())[seq - 1]
        content = bytearray(getattr(entry, column)) or bytearray(b"\0")
        position = data.draw(st.integers(0, len(content) * 8 - 1))
        content[position // 8] ^= 1 << (position % 8)
        with database.transaction() as connection:
            connection.execute(
                sa.update(journal_entries).where(journal_entries.c.seq == seq).values({column: bytes(content)})
            )
        try:
            journal.verify()
        except JournalBrokenError:
            return
        raise AssertionError(f"a flipped bit in {column} of entry {seq} went unnoticed")


@given(a=st.tuples(st.text(max_size=5), st.binary(max_size=5)), b=st.tuples(st.text(max_size=5), st.binary(max_size=5)))
def test_kind_and_payload_cannot_be_shifted_into_each_other(a, b):
    same = link(bytes(32), 1, 2, *a) == link(bytes(32), 1, 2, *b)
    assert same == (a == b)


def test_heads_of_journals_are_kept_apart(tmp_path):
    with open_database(tmp_path / "a.sqlite") as database:
        for name in ("a", "b"):
            Journal(database, name).append("x", name.encode())
        with database.reading() as connection:
            assert len(set(connection.execute(sa.select(journal_heads.c.digest)).scalars())) == 2
