import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from taostack.devnet import Devnet, DevnetSettings
from taostack.devnet.errors import NotRunningError, PortTakenError, StateFileError, UnknownNameError, UnsafeHostError
from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO
from taostack.devnet.pallets.dispatch import PoolRejection
from taostack.process.errors import UsageError

ALICE, BOB = DEV_ACCOUNTS["//Alice"], DEV_ACCOUNTS["//Bob"]
WAIT_SECONDS = 10


def ask(connection: ClientConnection, method: str, *params: Any) -> Any:
    import json

    connection.send(json.dumps({"id": "q", "jsonrpc": "2.0", "method": method, "params": params}))
    while True:
        reply = json.loads(connection.recv(WAIT_SECONDS))
        if reply.get("id") == "q":
            return reply["result"] if "result" in reply else reply["error"]


@pytest.fixture
def manual() -> Iterator[Devnet]:
    with Devnet(seal="manual") as devnet:
        yield devnet


def test_blocks_come_by_themselves_in_intervals() -> None:
    with Devnet(block_time=0.02) as devnet, connect(devnet.url) as connection:
        ask(connection, "chain_subscribeNewHeads")
        numbers = []
        while len(numbers) < 5:
            import json

            message = json.loads(connection.recv(WAIT_SECONDS))
            numbers.append(int(message["params"]["result"]["number"], 16))
        assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_a_transaction_makes_its_own_block_with_instant_sealing() -> None:
    with Devnet(seal="instant") as devnet, connect(devnet.url) as connection:
        assert ask(connection, "chain_subscribeNewHeads")
        connection.recv(WAIT_SECONDS)
        devnet.submit("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=10**9)
        connection.recv(WAIT_SECONDS)
        assert devnet.block == 1
        assert devnet.balance(BOB) == DEV_BALANCE_RAO + 10**9


def test_manual_sealing_waits_for_a_hand(manual: Devnet) -> None:
    manual.submit("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=10**9)
    assert manual.block == 0
    assert manual.mine() == 1
    assert manual.balance(BOB) == DEV_BALANCE_RAO + 10**9
    assert manual.mine(5) == 6
    assert manual.state_at(0).get("System", "Account", BOB)["data"]["free"] == DEV_BALANCE_RAO


def test_a_refused_transaction_raises_where_it_was_submitted(manual: Devnet) -> None:
    with pytest.raises(PoolRejection, match="some fees"):
        manual.submit("//Nobody", "System.remark", remark=b"x")


def test_state_is_read_from_any_thread(manual: Devnet) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(manual.state.get("Sudo", "Key")))
    thread.start()
    thread.join(WAIT_SECONDS)
    assert found == [ALICE]
    assert manual.state.has("System", "Account", ALICE)
    assert dict(manual.state.items("System", "Account"))[(ALICE,)]["data"]["free"] == DEV_BALANCE_RAO
    key = manual.call(lambda node: node.chain.state.codec.key("Sudo", "Key", ()))
    assert manual.state.raw(key) is not None
    assert manual.state.get_bytes("SubtensorModule", "TokenSymbol", 4_000) is None


def test_a_developer_s_hands(manual: Devnet) -> None:
    manual.set_balance(BOB, 5_000)
    manual.set_storage("SubtensorModule", "Tempo", 77, value=13)
    assert (manual.balance(BOB), manual.state.get("SubtensorModule", "Tempo", 77)) == (5_000, 13)
    snapshot = manual.snapshot()
    manual.mine(3)
    manual.set_storage("SubtensorModule", "Tempo", 77, value=None)
    manual.revert(snapshot)
    assert manual.block == 0
    assert manual.state.get("SubtensorModule", "Tempo", 77) == 13
    manual.set_time(2_000_000_000_000)
    manual.mine()
    assert manual.state.get("Timestamp", "Now") >= 2_000_000_000_000
    with pytest.raises(UsageError, match="the head's is"):
        manual.set_time(1_000)
    manual.fail_next("Balances.transfer_keep_alive", "Payment")
    with pytest.raises(PoolRejection, match="some fees"):
        manual.submit("//Alice", "Balances.transfer_keep_alive", dest=BOB, value=1)
    with pytest.raises(UnknownNameError):
        manual.fail_next("Nope.nope", "Payment")
    with pytest.raises(UnknownNameError):
        manual.revert(9)


def test_the_same_over_rpc(manual: Devnet) -> None:
    with connect(manual.url) as connection:
        assert ask(connection, "dev_mine") == manual.block_hash
        assert ask(connection, "dev_mine", 2) == manual.block_hash
        assert manual.block == 3
        snapshot = ask(connection, "dev_snapshot")
        assert ask(connection, "dev_setBalance", BOB, 7_000) is True
        assert manual.balance(BOB) == 7_000
        key = "0x" + manual.call(lambda node: node.chain.state.codec.key("SubtensorModule", "Tempo", (77,))).hex()
        assert ask(connection, "dev_setStorage", key, "0x0d00") == 1
        assert ask(connection, "state_getStorage", key) == "0x0d00"
        assert ask(connection, "dev_setStorage", [[key, None]]) == 1
        assert ask(connection, "dev_setTime", 2_000_000_000_000) is True
        assert ask(connection, "dev_failNext", "System.remark", "Custom error: 6") is True
        assert ask(connection, "dev_revert", snapshot) is True
        assert manual.balance(BOB) == DEV_BALANCE_RAO
        assert ask(connection, "dev_pauseHeads") is True
        assert ask(connection, "dev_resumeHeads") is True
        for method, params in (
            ("dev_nope", []),
            ("dev_mine", [0]),
            ("dev_setBalance", ["x", 1]),
            ("dev_setBalance", [BOB, -1]),
            ("dev_setStorage", [5]),
            ("dev_setStorage", [["0x00"]]),
            ("dev_revert", [99]),
            ("dev_failNext", ["System.remark", "Nope"]),
        ):
            assert ask(connection, method, *params)["code"] in (-32601, -32602), method


def test_watched_storage_hears_of_a_patch(manual: Devnet) -> None:
    import json

    key = "0x" + manual.call(lambda node: node.chain.state.codec.key("System", "Account", (BOB,))).hex()
    with connect(manual.url) as connection:
        ask(connection, "state_subscribeStorage", [key])
        connection.recv(WAIT_SECONDS)
        manual.set_balance(BOB, 5_000)
        assert json.loads(connection.recv(WAIT_SECONDS))["method"] == "state_storage"


def test_a_chain_that_stalls_goes_on_when_told() -> None:
    with Devnet(block_time=0.01) as devnet:
        devnet.pause_heads()
        paused_at = devnet.block
        with connect(devnet.url) as connection:
            ask(connection, "chain_subscribeNewHeads")
            connection.recv(WAIT_SECONDS)
            assert devnet.mine() == paused_at + 1
            connection.recv(WAIT_SECONDS)
            devnet.resume_heads()
            connection.recv(WAIT_SECONDS)
        assert devnet.block > paused_at + 1


def test_connections_can_be_dropped(manual: Devnet) -> None:
    with connect(manual.url) as connection:
        ask(connection, "chain_getHead")
        assert manual.drop_connections() == 1
        with pytest.raises(ConnectionClosed):
            connection.recv(WAIT_SECONDS)
    with connect(manual.url) as again:
        assert ask(again, "chain_getHead") == manual.block_hash


def test_a_taken_port_is_one_clear_error(manual: Devnet) -> None:
    with pytest.raises(PortTakenError, match=f"port {manual.port} on 127.0.0.1 is in use"):
        Devnet(port=manual.port).start()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(PortTakenError, match="cannot listen"):
        Devnet(host="203.0.113.7", allow_remote=True).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.invalid", "192.168.1.5"])
def test_listening_beyond_this_machine_must_be_asked_for(host: str) -> None:
    with pytest.raises(UnsafeHostError, match="keys of a devnet are public"):
        Devnet(host=host)


@pytest.mark.parametrize(
    "settings", [{"seal": "x"}, {"block_time": 0.0}, {"block_time": 1e9}, {"port": -1}, {"keep_blocks": 0}]
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Devnet(**settings)


def test_settings_are_given_once() -> None:
    with pytest.raises(UsageError, match="given twice"):
        Devnet(DevnetSettings(), port=5)


def test_a_devnet_that_is_not_running_says_so() -> None:
    devnet = Devnet(seal="manual")
    with pytest.raises(NotRunningError):
        devnet.mine()
    devnet.close()
    with devnet:
        devnet.mine()
    with pytest.raises(NotRunningError):
        devnet.mine()
    with pytest.raises(NotRunningError, match="started before"):
        devnet.start()


async def test_it_is_an_asynchronous_context_manager_too() -> None:
    async with Devnet(seal="manual") as devnet:
        assert devnet.block == 0


def test_connections_are_bounded() -> None:
    with Devnet(seal="manual", max_connections=1) as devnet, connect(devnet.url) as first:
        ask(first, "chain_getHead")
        with pytest.raises(InvalidStatus, match="503"):
            connect(devnet.url)


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [("https://evil.example", False), ("null", False), ("http://localhost:5173", True), ("http://127.0.0.1", True)],
)
def test_only_local_pages_may_connect(manual: Devnet, origin: str, welcome: bool) -> None:
    if welcome:
        with connect(manual.url, origin=origin) as connection:  # type: ignore[arg-type]
            assert ask(connection, "chain_getHead")
    else:
        with pytest.raises(InvalidStatus, match="403"):
            connect(manual.url, origin=origin)  # type: ignore[arg-type]


def test_a_chain_is_kept_in_a_file_and_saved_to_another(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    with Devnet(seal="manual", state_file=path) as devnet:
        devnet.set_balance(BOB, 5_000)
        devnet.mine(3)
        head = devnet.block_hash
        devnet.save(tmp_path / "saved")
        with pytest.raises(StateFileError, match="in use"):
            Devnet(seal="manual", state_file=path).start()
    for each in (path, tmp_path / "saved"):
        with Devnet(seal="manual", state_file=each) as devnet:
            assert devnet.block_hash == head
            assert devnet.balance(BOB) == 5_000
            assert devnet.mine() == 4


def test_a_failing_disk_ends_the_devnet_instead_of_lying(tmp_path: Path) -> None:
    devnet = Devnet(block_time=0.05, state_file=tmp_path / "chain")
    devnet.start()
    thread = devnet._thread
    assert thread is not None
    devnet.call(lambda node: node._file.close() if node._file else None)
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
    with pytest.raises(NotRunningError):
        devnet.mine()
    devnet.close()


def test_ipv6_loopback_is_served() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return  # this machine has no IPv6
    with Devnet(host="::1", seal="manual") as devnet, connect(devnet.url) as connection:
        assert devnet.url.startswith("ws://[::1]:")
        assert ask(connection, "chain_getHead")
