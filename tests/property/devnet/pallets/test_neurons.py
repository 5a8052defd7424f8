"""Whatever happens to a subnet's neurons, its books agree: one hotkey for each uid and one uid for each hotkey."""

from hypothesis import given, settings
from hypothesis import strategies as st

from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pallets.neurons import append_neuron, hotkeys, rebuild, rename_hotkey, replace_neuron, size, uid_of
from tests.support.ledger_chain import SUBTENSOR, address
from tests.support.subnet_chain import SubnetChain

NAMES = [address(f"neuron {number}") for number in range(12)]
COLUMNS = (
    "Active",
    "Emission",
    "Consensus",
    "Dividends",
    "ValidatorTrust",
    "ValidatorPermit",
    "Incentive",
    "LastUpdate",
)

step = st.one_of(
    st.tuples(st.just("register"), st.integers(0, 11), st.integers(0, 11)),
    st.tuples(st.just("trim"), st.integers(0, 4095), st.just(0)),
    st.tuples(st.just("rename"), st.integers(0, 11), st.integers(0, 11)),
    st.tuples(st.just("weigh"), st.integers(0, 11), st.integers(0, 11)),
)
chain = SubnetChain()
netuid = chain.subnet()


def apply(ctx: Context, kind: str, one: int, other: int) -> None:
    state, count = ctx.state, size(ctx.state, netuid)
    if kind == "register" and uid_of(state, netuid, NAMES[one]) is None:
        if count < 6:
            append_neuron(state, netuid, NAMES[one], ctx.block)
        else:
            replace_neuron(state, netuid, other % count, NAMES[one], ctx.block)
    if kind == "trim":
        kept = [uid for uid in range(count) if one >> uid & 1]
        if kept:
            rebuild(state, netuid, kept)
    if kind == "rename" and uid_of(state, netuid, NAMES[other]) is None:
        rename_hotkey(state, netuid, NAMES[one], NAMES[other], lambda item, old, new: None)
    if kind == "weigh":
        state.put(SUBTENSOR, "Weights", netuid, one % count, value=[(other % count, 1)])


def check(ctx: Context) -> None:
    state, count = ctx.state, size(ctx.state, netuid)
    seated = hotkeys(state, netuid)
    assert len(set(seated)) == count
    assert [uid_of(state, netuid, hotkey) for hotkey in seated] == list(range(count))
    assert {key[0] for key, _ in state.items(SUBTENSOR, "Uids", netuid)} == set(seated)
    assert len(list(state.items(SUBTENSOR, "Keys", netuid))) == count
    assert len(list(state.items(SUBTENSOR, "BlockAtRegistration", netuid))) == count
    assert {hotkey for hotkey in NAMES if state.get(SUBTENSOR, "IsNetworkMember", hotkey, netuid)} == set(seated) & set(
        NAMES
    )
    assert {item: len(state.get(SUBTENSOR, item, netuid)) for item in COLUMNS} == dict.fromkeys(COLUMNS, count)
    for (uid,), row in state.items(SUBTENSOR, "Weights", netuid):
        assert uid < count
        assert all(target < count for target, _ in row)


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=14))
def test_uids_and_hotkeys_stay_one_to_one(steps: list[tuple[str, int, int]]) -> None:
    mark = chain.chain.state.mark()
    for each in steps:
        chain.chain.patch(lambda ctx, each=each: apply(ctx, *each))
        chain.chain.patch(check)
    chain.chain.state.revert(mark)
