from typing import Any

import pytest

from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO
from taostack.devnet.pallets.proxy import allows

ALICE, BOB, EVE = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"], DEV_ACCOUNTS["//Eve"]
DEPOSIT_ONE, DEPOSIT_TWO = 93_000_000, 126_000_000


def pay(ledger: Any, value: int = 10**6) -> bytes:
    return bytes(ledger.call("Balances.transfer_keep_alive", dest=EVE, value=value))


def reserved(ledger: Any, who: str) -> int:
    return int(ledger.chain.state.get("System", "Account", who)["data"]["reserved"])


def result(events: list[dict[str, Any]]) -> Any:
    return next(each for each in events if each["event_id"] == "ProxyExecuted")["attributes"]["result"]


def test_a_proxy_acts_for_the_account_that_added_it(ledger: Any) -> None:
    ledger.send("//Alice", "Proxy.add_proxy", delegate=BOB, proxy_type="Any", delay=0)
    assert reserved(ledger, ALICE) == DEPOSIT_ONE
    before = ledger.balance("//Alice")
    events = ledger.send("//Bob", "Proxy.proxy", real=ALICE, force_proxy_type=None, call=pay(ledger))
    assert "Err" not in str(result(events))
    assert ledger.balance("//Alice") == before - 10**6
    assert ledger.balance("//Eve") == DEV_BALANCE_RAO + 10**6


def test_a_stranger_is_no_proxy(ledger: Any) -> None:
    events = ledger.send("//Bob", "Proxy.proxy", real=ALICE, force_proxy_type=None, call=pay(ledger))
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == "Proxy.NotProxy"


def test_a_proxy_s_type_filters_its_calls(ledger: Any) -> None:
    ledger.send("//Alice", "Proxy.add_proxy", delegate=BOB, proxy_type="NonTransfer", delay=0)
    events = ledger.send("//Bob", "Proxy.proxy", real=ALICE, force_proxy_type=None, call=pay(ledger))
    assert ledger.failure(result(events)["Err"]) == "System.CallFiltered"
    batched = ledger.call("Utility.batch", calls=[pay(ledger)])
    events = ledger.send("//Bob", "Proxy.proxy", real=ALICE, force_proxy_type=None, call=batched)
    assert ledger.failure(result(events)["Err"]) == "System.CallFiltered"
    events = ledger.send("//Bob", "Proxy.proxy", real=ALICE, force_proxy_type="Transfer", call=pay(ledger))
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == "Proxy.NotProxy"


def test_a_delayed_proxy_cannot_act(ledger: Any) -> None:
    ledger.send("//Alice", "Proxy.add_proxy", delegate=BOB, proxy_type="Any", delay=5)
    events = ledger.send("//Bob", "Proxy.proxy", real=ALICE, force_proxy_type=None, call=pay(ledger))
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == "Proxy.Unannounced"


def test_relations_end_and_deposits_come_back(ledger: Any) -> None:
    ledger.send("//Alice", "Proxy.add_proxy", delegate=BOB, proxy_type="Any", delay=0)
    ledger.send("//Alice", "Proxy.add_proxy", delegate=EVE, proxy_type="Transfer", delay=0)
    assert reserved(ledger, ALICE) == DEPOSIT_TWO
    ledger.send("//Alice", "Proxy.remove_proxy", delegate=BOB, proxy_type="Any", delay=0)
    assert reserved(ledger, ALICE) == DEPOSIT_ONE
    ledger.send("//Alice", "Proxy.remove_proxies")
    assert reserved(ledger, ALICE) == 0
    assert ledger.chain.state.get("Proxy", "Proxies", ALICE) == ([], 0)


@pytest.mark.parametrize(("delegate", "error"), [(ALICE, "Proxy.NoSelfProxy"), (BOB, "Proxy.Duplicate")])
def test_impossible_relations_are_refused(ledger: Any, delegate: str, error: str) -> None:
    ledger.send("//Alice", "Proxy.add_proxy", delegate=BOB, proxy_type="Any", delay=0)
    events = ledger.send("//Alice", "Proxy.add_proxy", delegate=delegate, proxy_type="Any", delay=0)
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == error


def test_an_unknown_relation_cannot_end(ledger: Any) -> None:
    events = ledger.send("//Alice", "Proxy.remove_proxy", delegate=BOB, proxy_type="Any", delay=0)
    assert ledger.failure(events[-1]["attributes"]["dispatch_error"]) == "Proxy.NotFound"


def test_a_pure_account_lives_by_its_spawner(ledger: Any) -> None:
    events = ledger.send("//Alice", "Proxy.create_pure", proxy_type="Any", delay=0, index=0)
    created = next(each for each in events if each["event_id"] == "PureCreated")["attributes"]
    height, pure = ledger.chain.number, created["pure"]
    ledger.send("//Alice", "Balances.transfer_keep_alive", dest=pure, value=10**9)
    ledger.send("//Alice", "Proxy.proxy", real=pure, force_proxy_type=None, call=pay(ledger))
    assert ledger.balance(pure) == 10**9 - 10**6
    kill = {"spawner": ALICE, "proxy_type": "Any", "index": 0, "ext_index": 1}
    wrong = ledger.call("Proxy.kill_pure", height=height + 1, **kill)
    events = ledger.send("//Alice", "Proxy.proxy", real=pure, force_proxy_type=None, call=wrong)
    assert ledger.failure(result(events)["Err"]) == "Proxy.NoPermission"
    right = ledger.call("Proxy.kill_pure", height=height, **kill)
    ledger.send("//Alice", "Proxy.proxy", real=pure, force_proxy_type=None, call=right)
    assert reserved(ledger, ALICE) == 0


@pytest.mark.parametrize(
    ("proxy_type", "call", "allowed"),
    [
        ("Any", "Sudo.sudo", True),
        ("Transfer", "Balances.transfer_all", True),
        ("Transfer", "System.remark", False),
        ("SmallTransfer", "Balances.transfer_all", False),
        ("Staking", "SubtensorModule.add_stake", True),
        ("Staking", "SubtensorModule.set_weights", False),
        ("Registration", "SubtensorModule.burned_register", True),
        ("NonCritical", "SubtensorModule.dissolve_network", False),
        ("NonCritical", "SubtensorModule.set_weights", True),
        ("NonFungible", "SubtensorModule.add_stake", False),
        ("NonFungible", "SubtensorModule.set_weights", True),
        ("Owner", "AdminUtils.sudo_set_tempo", True),
        ("Owner", "AdminUtils.sudo_set_sn_owner_hotkey", False),
        ("ChildKeys", "SubtensorModule.set_children", True),
        ("Triumvirate", "System.remark", False),
    ],
)
def test_each_type_allows_its_calls(proxy_type: str, call: str, allowed: bool) -> None:
    pallet, _, function = call.partition(".")
    assert allows(proxy_type, {"call_module": pallet, "call_function": function, "call_args": []}) is allowed


@pytest.mark.parametrize(("value", "allowed"), [(499_999_999, True), (500_000_000, False)])
def test_a_small_transfer_is_below_half_a_tao(value: int, allowed: bool) -> None:
    arguments = [{"name": "dest", "value": BOB}, {"name": "value", "value": value}]
    call = {"call_module": "Balances", "call_function": "transfer_keep_alive", "call_args": arguments}
    assert allows("SmallTransfer", call) is allowed
