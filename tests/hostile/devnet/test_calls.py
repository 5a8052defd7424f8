"""Any arguments of the right types: a call succeeds or fails by name, a guard passes or refuses; nothing breaks."""

import contextlib
import json
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taostack.devnet import pallets
from taostack.devnet.pallets.dispatch import CALLS, GUARDS, Context, DispatchFailed, initialize_hooks
from taostack.devnet.profile import load_profile
from tests.support.ledger_chain import ALICE, BOB, CHARLIE, SUBTENSOR, address
from tests.support.subnet_chain import SubnetChain

pallets.load_all()

ACCOUNTS = [ALICE, BOB, CHARLIE, address("owner"), address("miner"), address("nobody")]
FUZZED = sorted(
    name for name in CALLS if name.split(".")[0] in (SUBTENSOR, "AdminUtils", "Commitments", "Drand", "MevShield")
)
BITS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "u128": 128}


@cache
def registry() -> dict[int, dict[str, Any]]:
    types = json.loads(load_profile().codec.runtime.registry_json())["types"]
    return {each["id"]: each["type"] for each in types}


@cache
def call_fields(name: str) -> tuple[tuple[str, int], ...]:
    """Names and type ids of a call's arguments."""
    pallet, _, function = name.partition(".")
    owner = {SUBTENSOR: "subtensor", "AdminUtils": "admin_utils", "MevShield": "shield"}.get(pallet, pallet.lower())
    for each in registry().values():
        path = each.get("path", [])
        if path[:1] == [f"pallet_{owner}"] and path[-1:] == ["Call"]:
            for variant in each["def"]["variant"]["variants"]:
                if variant["name"] == function:
                    return tuple((field["name"], field["type"]) for field in variant.get("fields", ()))
    raise LookupError(name)


def number(bits: int) -> st.SearchStrategy[int]:
    """Small numbers (netuids, uids that exist), and the ends of the range."""
    top = 2**bits - 1
    return st.one_of(st.integers(0, min(4, top)), st.sampled_from((top, top - 1, top // 2)), st.integers(0, top))


def values(type_id: int) -> st.SearchStrategy[Any]:
    """Any value of a type of the runtime."""
    kind = registry()[type_id]
    definition, path = kind["def"], kind.get("path", [])
    if path[-1:] == ["AccountId32"]:
        return st.sampled_from(ACCOUNTS)
    if path[-1:] == ["H256"]:
        return st.binary(min_size=32, max_size=32).map(lambda data: "0x" + data.hex())
    if "primitive" in definition:
        name = definition["primitive"]
        if name == "bool":
            return st.booleans()
        if name in BITS:
            return number(BITS[name])
        width = int(name[1:]) - 1
        return st.integers(-(2**width), 2**width - 1)
    if "compact" in definition:
        return values(definition["compact"]["type"])
    if "sequence" in definition:
        inner = definition["sequence"]["type"]
        if registry()[inner]["def"].get("primitive") == "u8":
            return st.binary(max_size=40)
        return st.lists(values(inner), max_size=4)
    if "array" in definition:
        size = definition["array"]["len"]
        return st.binary(min_size=size, max_size=size).map(lambda data: "0x" + data.hex())
    if "tuple" in definition:
        return st.tuples(*(values(each) for each in definition["tuple"]))
    if "composite" in definition:
        fields = definition["composite"]["fields"]
        if len(fields) == 1 and fields[0].get("name") is None:
            return values(fields[0]["type"])
        return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in fields})
    variants = definition["variant"]["variants"]
    if path == ["Option"]:
        return st.none() | values(variants[1]["fields"][0]["type"])
    return st.sampled_from(variants).flatmap(arm)


def arm(variant: dict[str, Any]) -> st.SearchStrategy[Any]:
    """One arm of an enum."""
    fields = variant.get("fields", ())
    if not fields:
        return st.just(variant["name"])
    if len(fields) == 1 and fields[0].get("name") is None:
        return values(fields[0]["type"]).map(lambda value: {variant["name"]: value})
    return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in fields}).map(
        lambda inner: {variant["name"]: inner}
    )


@pytest.fixture(scope="module")
def chain() -> SubnetChain:
    chain = SubnetChain()
    netuid = chain.subnet(tempo=3)
    chain.join(netuid, "miner")
    chain.mine(2)
    return chain


def start_next_block(ctx: Context) -> None:
    """What every block begins with, so that nothing a call stored breaks it."""
    following = Context(ctx.state, ctx.block + 2, ctx.now_ms + 250, ctx.origin, ctx.events, ctx.profile)
    for hook in initialize_hooks():
        hook.run(following)


@pytest.mark.parametrize("name", FUZZED)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_call_succeeds_or_fails_by_name(chain: SubnetChain, name: str, data: st.DataObject) -> None:
    arguments = {field: data.draw(values(kind), label=field) for field, kind in call_fields(name)}
    who = data.draw(st.sampled_from([None, *ACCOUNTS]), label="who")
    mark = chain.chain.state.mark()
    if who is not None and name in GUARDS:
        code = chain.pool_code(who, name, **arguments)
        assert code is None or 0 <= code <= 255
    with contextlib.suppress(DispatchFailed):  # a failure by name; anything else fails the test
        chain.run(who, name, **arguments)
        chain.chain.patch(start_next_block)
    chain.chain.state.revert(mark)
