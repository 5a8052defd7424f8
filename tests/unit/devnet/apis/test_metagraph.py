import time

import pytest

from taostack.devnet.apis.metagraph import SELECTIVE_FIELDS
from taostack.devnet.codec import ss58_encode
from taostack.devnet.pallets.dispatch import Context
from taostack.devnet.pallets.neurons import append_neuron
from taostack.devnet.pallets.stake_ledger import increase_alpha
from tests.support.ledger_chain import ALICE, BOB, RAO, SUBTENSOR, address
from tests.support.subnet_chain import SubnetChain

API = "SubnetInfoRuntimeApi"


@pytest.fixture
def chain() -> SubnetChain:
    return SubnetChain()


@pytest.fixture
def netuid(chain: SubnetChain) -> int:
    netuid = chain.subnet(tempo=1_000)
    chain.join(netuid, "miner", coldkey=BOB)
    return netuid


def test_a_metagraph_holds_the_subnet_and_its_neurons(chain: SubnetChain, netuid: int) -> None:
    chain.run(BOB, f"{SUBTENSOR}.add_stake", hotkey=address("miner"), netuid=netuid, amount_staked=10 * RAO)
    chain.run(
        address("miner"),
        f"{SUBTENSOR}.serve_axon",
        netuid=netuid,
        version=3,
        ip=2_130_706_434,
        port=8091,
        ip_type=4,
        protocol=4,
        placeholder1=1,
        placeholder2=2,
    )
    graph = chain.api(f"{API}.get_metagraph", netuid=netuid)
    assert graph["netuid"] == netuid
    assert graph["num_uids"] == 2
    assert graph["owner_coldkey"] == ALICE
    assert graph["hotkeys"] == [address("owner"), address("miner")]
    assert graph["coldkeys"] == [ALICE, BOB]
    assert graph["axons"][0]["port"] == 0
    assert graph["axons"][1] == {
        "block": chain.block + 1,
        "version": 3,
        "ip": 2_130_706_434,
        "port": 8091,
        "ip_type": 4,
        "protocol": 4,
        "placeholder1": 1,
        "placeholder2": 2,
    }
    staked = chain.get("TotalHotkeyAlpha", address("miner"), netuid)
    assert graph["alpha_stake"] == [0, staked]
    assert graph["total_stake"] == [0, staked]
    assert graph["block_at_registration"] == [1, 1]
    assert bytes(graph["name"]) == f"subnet {netuid}".encode()
    assert bytes(graph["symbol"]).decode() == "β"


def test_root_tao_weighs_beside_alpha(chain: SubnetChain, netuid: int) -> None:
    def stake_root(ctx: Context) -> None:
        increase_alpha(ctx.state, address("miner"), BOB, 0, 1_000 * RAO)

    chain.chain.patch(stake_root)
    graph = chain.api(f"{API}.get_metagraph", netuid=netuid)
    assert graph["tao_stake"][1] == 1_000 * RAO
    assert graph["total_stake"][1] == pytest.approx(52.67697 * RAO, rel=1e-4)


def test_children_and_parents_count_in_the_stake(chain: SubnetChain, netuid: int) -> None:
    chain.run(BOB, f"{SUBTENSOR}.add_stake", hotkey=address("miner"), netuid=netuid, amount_staked=10 * RAO)
    whole = chain.get("TotalHotkeyAlpha", address("miner"), netuid)
    half = 2**63
    chain.put("ChildKeys", address("miner"), netuid, value=[(half, address("owner"))])
    chain.put("ParentKeys", address("owner"), netuid, value=[(half, address("miner"))])
    alpha = chain.api(f"{API}.get_metagraph", netuid=netuid)["alpha_stake"]
    assert sum(alpha) == whole
    assert alpha[0] == pytest.approx(whole / 2, abs=2)


def test_collateral_and_identities_are_shown(chain: SubnetChain, netuid: int) -> None:
    state = {"locked": 5, "drain_ratio": {"bits": 1}, "min_locked": 2, "earned": 1}
    chain.put("MinerCollateral", netuid, address("miner"), BOB, value=state)
    fields = dict.fromkeys(["url", "github_repo", "image", "discord", "description", "additional"], b"")
    chain.run(BOB, f"{SUBTENSOR}.set_identity", name=b"bob", **fields)
    graph = chain.api(f"{API}.get_metagraph", netuid=netuid)
    assert [graph[f"collateral_{each}"] for each in ("locked", "min", "earned")] == [[0, 5], [0, 2], [0, 1]]
    assert graph["identities"][0] is None
    assert graph["identities"][1]["name"] == "bob"


def test_a_selective_metagraph_has_what_was_asked_and_nothing_else(chain: SubnetChain, netuid: int) -> None:
    wanted = [SELECTIVE_FIELDS.index(each) for each in ("tempo", "hotkeys", "validators", "commitments")]
    commitment = {"fields": [{"Raw5": b"hello"}, "ResetBondsFlag"]}
    chain.run(address("miner"), "Commitments.set_commitment", netuid=netuid, info=commitment)
    chain.permit(netuid, 1)
    graph = chain.api(f"{API}.get_selective_metagraph", netuid=netuid, metagraph_indexes=[*wanted, 999])
    assert {name for name, value in graph.items() if value is not None} == {
        "netuid",
        "tempo",
        "hotkeys",
        "validators",
        "commitments",
    }
    assert graph["validators"] == [1]
    assert [(hotkey, bytes(data)) for hotkey, data in graph["commitments"]] == [(address("miner"), b"hello")]
    scalar = chain.api(f"{API}.get_selective_metagraph", netuid=netuid, metagraph_indexes=[8])
    assert scalar["tempo"] == 1_000


def test_what_does_not_exist_is_none(chain: SubnetChain, netuid: int) -> None:
    assert chain.api(f"{API}.get_metagraph", netuid=77) is None
    assert chain.api(f"{API}.get_mechagraph", netuid=netuid, mecid=1) is None
    assert chain.api(f"{API}.get_selective_mechagraph", netuid=netuid, subid=1, metagraph_indexes=[1]) is None
    for name in ("get_dynamic_info", "get_subnet_state", "get_subnet_info", "get_subnet_info_v2"):
        assert chain.api(f"{API}.{name}", netuid=77) is None
    for name in ("get_subnet_hyperparams", "get_subnet_hyperparams_v2", "get_subnet_hyperparams_v3"):
        assert chain.api(f"{API}.{name}", netuid=77) is None
    assert chain.api(f"{API}.get_next_epoch_start_block", netuid=77) is None
    assert chain.api(f"{API}.get_subnet_account_id", netuid=77) is None
    assert chain.api("NeuronInfoRuntimeApi.get_neurons", netuid=77) == []
    assert chain.api("NeuronInfoRuntimeApi.get_neuron", netuid=netuid, uid=9) is None


def test_all_metagraphs_and_mechagraphs_are_listed(chain: SubnetChain, netuid: int) -> None:
    chain.put("MechanismCountCurrent", netuid, value=2)
    graphs = chain.api(f"{API}.get_all_mechagraphs")
    assert [graph["netuid"] for graph in graphs] == [0, 1, netuid, netuid + 4096]
    assert [graph["netuid"] for graph in chain.api(f"{API}.get_all_metagraphs")] == [0, 1, netuid]


def test_256_neurons_take_less_than_a_blink(chain: SubnetChain, netuid: int) -> None:
    def fill(ctx: Context) -> None:
        for number in range(254):
            hotkey = ss58_encode(number.to_bytes(32, "big"))
            append_neuron(ctx.state, netuid, hotkey, 1)
            ctx.state.put(SUBTENSOR, "Owner", hotkey, value=BOB)
            increase_alpha(ctx.state, hotkey, BOB, netuid, RAO + number)

    chain.chain.patch(fill)
    codec = chain.chain.profile.codec
    argument = codec.encode(codec.api(f"{API}.get_metagraph").inputs[0][1], netuid)  # type: ignore[union-attr]
    best = min(timed(chain, argument) for _ in range(7))
    assert best < 0.03  # the benchmark holds 6 ms; here only that it is no accident


def timed(chain: SubnetChain, argument: bytes) -> float:
    chain.chain.patch(lambda ctx: None)  # forgets cached answers
    started = time.perf_counter()
    chain.chain.call_api(f"{API}.get_metagraph", argument, None)
    return time.perf_counter() - started
