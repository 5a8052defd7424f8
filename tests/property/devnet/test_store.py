"""Whatever is written, rolled back, reverted and pruned: every kept block reads as a plain copy of then would."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from taostack.devnet.profile import load_profile
from taostack.devnet.store import LayerMark, State, page

CODEC = load_profile(250).codec
KEYS = [CODEC.key("SubtensorModule", "Tempo", (n,)) for n in range(6)] + [
    CODEC.key("SubtensorModule", "Keys", (n % 2, n)) for n in range(6)
]
PREFIXES = [b"", CODEC.key("SubtensorModule", "Tempo", ()), CODEC.key("SubtensorModule", "Keys", (1,)), KEYS[0][:9]]

change = st.tuples(st.sampled_from(KEYS), st.none() | st.binary(min_size=1, max_size=3))
changes = st.lists(change, max_size=8)


class FailedError(Exception):
    """What the machine raises inside blocks."""


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state = State(CODEC)
        self.present: dict[bytes, bytes] = {}
        self.block = 0
        self.copies: dict[int, dict[bytes, bytes]] = {}
        self.marks: list[tuple[LayerMark, int, dict[bytes, bytes], dict[int, dict[bytes, bytes]]]] = []
        self.add_layer(self.block, [])

    def apply(self, model: dict[bytes, bytes], writes: Any) -> None:
        for key, value in writes:
            self.state.write(key, value)
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value

    def add_layer(self, block: int, writes: Any) -> None:
        before = dict(self.present)
        with self.state.layer(block):
            self.apply(self.present, writes)
            expected = {key: self.present.get(key) for key in KEYS if self.present.get(key) != before.get(key)}
            assert self.state.pending_writes() == expected
        self.copies[block] = dict(self.present)

    @rule(writes=changes)
    def seal(self, writes: Any) -> None:
        self.block += 1
        self.add_layer(self.block, writes)

    @rule(writes=changes)
    def patch(self, writes: Any) -> None:
        self.add_layer(self.block, writes)

    @rule(kept=changes, lost=changes, after=changes)
    def seal_with_a_failed_call(self, kept: Any, lost: Any, after: Any) -> None:
        self.block += 1
        with self.state.layer(self.block):
            self.apply(self.present, kept)
            try:
                with self.state.transaction():
                    self.apply(dict(self.present), lost)
                    raise FailedError
            except FailedError:
                pass
            self.apply(self.present, after)
        self.copies[self.block] = dict(self.present)

    @rule(lost=changes)
    def fail_a_block(self, lost: Any) -> None:
        try:
            with self.state.layer(self.block + 1):
                self.apply(dict(self.present), lost)
                raise FailedError
        except FailedError:
            pass

    @rule()
    def remember(self) -> None:
        self.marks.append((self.state.mark(), self.block, dict(self.present), dict(self.copies)))

    @rule()
    def go_back(self) -> None:
        if self.marks:
            mark, self.block, self.present, copies = self.marks.pop()
            self.state.revert(mark)
            self.copies = {block: copy for block, copy in copies.items() if block >= self.state.oldest_block}

    @rule(keep=st.integers(0, 4))
    def prune(self, keep: int) -> None:
        self.marks.clear()
        self.state.prune(self.block - keep)
        self.copies = {block: copy for block, copy in self.copies.items() if block >= self.block - keep}

    @invariant()
    def every_kept_block_reads_as_it_was(self) -> None:
        assert len(self.state) == len(self.present)
        for block, copy in self.copies.items():
            past = self.state.at(block)
            for key in KEYS:
                assert past.raw(key) == copy.get(key)
            for prefix in PREFIXES:
                expected = sorted(key for key in copy if key.startswith(prefix))
                assert past.keys(prefix) == expected
                first = page(past, prefix, 2, None)
                assert first + page(past, prefix, 99, first[-1] if first else None) == expected


StoreMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestStore = StoreMachine.TestCase
