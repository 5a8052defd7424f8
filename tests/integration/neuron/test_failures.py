"""What goes wrong around a neuron ends it with one clear error, or is waited for as configured."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time

import msgspec
import pytest

from taostack.chain.client import Chain
from taostack.chain.errors import (
    ChainSilentError,
    ChainUnavailableError,
    EndpointInvalidError,
    InsufficientFundsError,
    SubnetUnknownError,
    WalletLockedError,
    WalletMissingError,
)
from taostack.chain.wallet import dev_wallet
from taostack.devnet import Devnet
from taostack.devnet.pallets import neurons
from taostack.neuron import Miner, NeuronKey, Validator
from taostack.neuron.config import AxonSettings, HealthSettings, RegistrationSettings, SubtensorSettings
from taostack.neuron.errors import DeregisteredError, EndpointUnknownError, ForeignStateError, NotRegisteredError
from taostack.process.errors import PortTakenError
from taostack.process.tasks import TaskFailedError
from taostack.storage.errors import StorageFullError, StorageLockedError, StorageUnavailableError
from taostack.wire import PortTakenError as AxonPortTakenError
from tests.integration.neuron.support import (
    BLOCK_SECONDS,
    NETUID,
    EchoMiner,
    EchoValidator,
    add_hotkey,
    make_subnet,
    register,
    start_process,
)


async def ends(neuron: Miner | Validator, seconds: float = 60.0) -> None:
    """Run a neuron that is expected to end by itself."""
    async with asyncio.timeout(seconds):
        await neuron.run()


def replace_uid(devnet: Devnet, uid: int, hotkey: str) -> None:
    """Somebody else takes the uid, as by a pruning registration."""
    devnet.call(lambda node: node.patch(lambda ctx: neurons.replace_neuron(ctx.state, NETUID, uid, hotkey, ctx.block)))


async def until(condition, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


async def test_a_missing_wallet_names_the_command_that_makes_it(subnet):
    settings = msgspec.structs.replace(subnet.settings("nobody"))
    with pytest.raises(WalletMissingError) as caught:
        await ends(Miner(settings, EchoMiner()))
    assert "btcli wallet create --wallet team --wallet-hotkey nobody --wallet-path" in caught.value.remedy


async def test_a_locked_hotkey_says_which_password_is_missing(subnet):
    # An encrypted key file as far as anyone looks who has no password.
    (subnet.wallets / "team" / "hotkeys" / "locked").write_bytes(b"$NACL" + bytes(range(100)))
    with pytest.raises(WalletLockedError, match="BT_"):
        await ends(Miner(subnet.settings("locked"), EchoMiner()))


async def test_an_unregistered_hotkey_names_the_command_that_registers_it(subnet):
    add_hotkey(subnet.wallets, "stranger", "//Bob//stranger")
    program = EchoMiner()
    with pytest.raises(NotRegisteredError) as caught:
        await ends(Miner(subnet.settings("stranger"), program))
    command = f"btcli subnets register --netuid {NETUID} --network {subnet.devnet.url} --wallet team"
    assert command in caught.value.remedy
    assert "--wallet-hotkey stranger" in caught.value.remedy
    assert program.events == []


async def test_an_unknown_subnet_is_named(subnet):
    settings = msgspec.structs.replace(subnet.settings("miner0"), netuid=77)
    with pytest.raises(SubnetUnknownError, match="77"):
        await ends(Miner(settings, EchoMiner()))


@pytest.mark.parametrize(
    ("axon", "error"),
    [
        (AxonSettings(ip="127.0.0.1", port=8091), EndpointInvalidError),
        (AxonSettings(ip="0.0.0.0", port=8091), EndpointUnknownError),
        (AxonSettings(ip="::", port=8091), EndpointUnknownError),
        (AxonSettings(ip="127.0.0.2", port=8091, external_ip="miner.example"), EndpointInvalidError),
    ],
)
async def test_an_address_that_peers_cannot_reach_is_refused_before_anything_starts(subnet, axon, error):
    program = EchoMiner()
    with pytest.raises(error) as caught:
        await ends(Miner(subnet.settings("miner0", axon=axon), program))
    assert "--axon.external_ip" in caught.value.remedy or "no names" in caught.value.remedy
    assert program.events == []


async def test_a_taken_port_is_named(subnet):
    with socket.create_server(("127.0.0.2", 0)) as other:
        port = other.getsockname()[1]
        program = EchoMiner()
        with pytest.raises(AxonPortTakenError, match=str(port)):
            await ends(Miner(subnet.settings("miner0", port=port), program))
        assert program.events == ["open", "close"]


async def test_a_taken_health_port_is_named(subnet):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=str(port)):
            await ends(Miner(subnet.settings("miner0", health=HealthSettings(port=port)), EchoMiner()))


async def test_a_chain_that_is_down_is_a_clear_error(subnet):
    subtensor = SubtensorSettings(chain_endpoint=("ws://127.0.0.1:1",), deadline_seconds=1.0)
    with pytest.raises(ChainUnavailableError):
        await ends(Miner(subnet.settings("miner0", subtensor=subtensor), EchoMiner()))


async def test_a_chain_that_hangs_is_a_clear_error_within_the_deadline(subnet):
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"ws://127.0.0.1:{hanging.getsockname()[1]}"
        subtensor = SubtensorSettings(chain_endpoint=(url,), deadline_seconds=1.0)
        started = time.monotonic()
        with pytest.raises(ChainUnavailableError):
            await ends(Validator(subnet.settings("validator", subtensor=subtensor), EchoValidator()))
        assert time.monotonic() - started < 10


async def test_a_second_endpoint_takes_over_from_one_that_is_down(subnet):
    endpoints = ("ws://127.0.0.1:1", subnet.devnet.url)
    subtensor = SubtensorSettings(chain_endpoint=endpoints, deadline_seconds=10.0)
    miner = Miner(subnet.settings("miner0", subtensor=subtensor), EchoMiner())
    task = asyncio.ensure_future(miner.run())
    await until(lambda: miner.neuron.health.ready)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_silent_chain_ends_the_process_instead_of_a_dead_loop(subnet):
    subtensor = SubtensorSettings(chain_endpoint=(subnet.devnet.url,), deadline_seconds=3.0, silence_seconds=0.4)
    program = EchoValidator()
    validator = Validator(subnet.settings("validator", subtensor=subtensor), program)
    task = asyncio.ensure_future(ends(validator, 60))
    await until(lambda: len(program.epochs) >= 1)
    subnet.devnet.pause_heads()
    with pytest.raises(ChainSilentError):
        await task
    assert not validator.neuron.health.ready
    assert program.events == ["recover", "close"]


async def test_a_chain_that_pauses_and_goes_on_is_survived(subnet):
    subtensor = SubtensorSettings(chain_endpoint=(subnet.devnet.url,), deadline_seconds=3.0, silence_seconds=0.4)
    program = EchoValidator()
    validator = Validator(subnet.settings("validator", subtensor=subtensor), program)
    task = asyncio.ensure_future(validator.run())
    await until(lambda: len(program.epochs) >= 1)
    subnet.devnet.pause_heads()
    await asyncio.sleep(1.0)
    subnet.devnet.resume_heads()
    seen = len(program.epochs)
    await until(lambda: len(program.epochs) > seen + 1)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_deregistered_neuron_stops_with_a_clear_error(subnet):
    program = EchoMiner()
    miner = Miner(subnet.settings("miner0"), program)
    task = asyncio.ensure_future(ends(miner))
    await until(lambda: miner.neuron.health.ready)
    replace_uid(subnet.devnet, 2, dev_wallet("//Usurper").hotkey_address)
    with pytest.raises(DeregisteredError, match=subnet.miners[0].hotkey_address) as caught:
        await task
    assert "--registration.when_missing wait" in caught.value.remedy
    assert program.events == ["open", "close"]
    assert not miner.neuron.health.ready


async def test_a_deregistered_validator_stops_with_a_clear_error(subnet):
    program = EchoValidator()
    task = asyncio.ensure_future(ends(Validator(subnet.settings("validator"), program)))
    await until(lambda: len(program.epochs) >= 1)
    replace_uid(subnet.devnet, 1, dev_wallet("//Usurper").hotkey_address)
    with pytest.raises(DeregisteredError):
        await task


async def test_a_neuron_told_to_wait_begins_a_new_life_when_it_is_registered_again(subnet):
    program = EchoMiner()
    settings = subnet.settings("miner0", registration=RegistrationSettings(when_missing="wait"))
    miner = Miner(settings, program)
    task = asyncio.ensure_future(miner.run())
    await until(lambda: miner.neuron.health.ready)
    first = program.context.me
    replace_uid(subnet.devnet, 2, dev_wallet("//Usurper").hotkey_address)
    await until(lambda: not miner.neuron.health.ready)
    async with Chain.connect(subnet.devnet.url, deadline_seconds=10.0) as chain:
        await register(chain, subnet.miners[0])
    await until(lambda: program.events == ["open", "close", "open"])
    await until(lambda: miner.neuron.health.ready)
    assert program.context.me.hotkey == first.hotkey
    assert program.context.me.registered_at > first.registered_at
    assert isinstance(program.context.me, NeuronKey)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_an_unfunded_coldkey_is_told_to_fund_it(subnet):
    subnet.devnet.set_balance(subnet.validator.coldkey_address, 1)
    with pytest.raises(InsufficientFundsError) as caught:
        await ends(Miner(subnet.settings("miner0"), EchoMiner()))
    assert "fund" in caught.value.remedy


async def test_two_processes_never_share_a_state(subnet):
    first = Validator(subnet.settings("validator"), program := EchoValidator())
    task = asyncio.ensure_future(first.run())
    await until(lambda: program.events == ["recover"])
    with pytest.raises(StorageLockedError, match=f"in use by the process {os.getpid()}"):
        await ends(Validator(subnet.settings("validator"), EchoValidator()))
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_state_of_another_chain_is_refused(subnet, tmp_path):
    program = EchoValidator()
    task = asyncio.ensure_future(Validator(subnet.settings("validator"), program).run())
    await until(lambda: len(program.epochs) >= 5)  # the anchor has left the genesis that local chains share
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    with Devnet(block_time=BLOCK_SECONDS) as devnet:
        other = await make_subnet(devnet, tmp_path / "other")
        settings = msgspec.structs.replace(other.settings("validator"), state=subnet.settings("validator").state)
        with pytest.raises(ForeignStateError, match="another one there"):
            await ends(Validator(settings, EchoValidator()))


async def test_a_state_folder_that_cannot_be_made_is_a_clear_error(subnet):
    subnet.state.write_text("in the way")
    with pytest.raises(StorageUnavailableError, match="cannot be made"):
        await ends(Miner(subnet.settings("miner0"), EchoMiner()))


async def test_a_full_disk_ends_the_neuron_with_one_clear_error(subnet):
    subnet.state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(subnet.state)]
    if (await asyncio.to_thread(subprocess.run, mount, capture_output=True, check=False)).returncode != 0:
        pytest.skip("this user may not mount a tmpfs")
    try:
        program = EchoValidator()
        task = asyncio.ensure_future(ends(Validator(subnet.settings("validator"), program)))
        await until(lambda: len(program.epochs) >= 1)
        with contextlib.suppress(OSError), (subnet.state / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))
        with pytest.raises(StorageFullError) as caught:
            await task
        assert caught.value.code == "storage-full"
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(subnet.state)], check=True)


async def test_a_program_that_cannot_open_ends_the_neuron_with_its_own_error(subnet):
    class Broken(EchoMiner):
        async def open(self, context) -> None:
            raise RuntimeError("no model file")

    program = Broken()
    with pytest.raises(RuntimeError, match="no model file"):
        await ends(Miner(subnet.settings("miner0"), program))
    assert program.events == ["close"]


async def test_a_loop_out_of_restarts_takes_the_neuron_with_it(subnet, monkeypatch):
    program = EchoValidator()
    validator = Validator(subnet.settings("validator"), program)

    async def broken(self) -> None:
        raise RuntimeError("a bug in a loop")

    monkeypatch.setattr("taostack.neuron.weights.WeightSender.run", broken)
    monkeypatch.setattr("taostack.process.tasks.backoff_seconds", lambda *_: 0.01)
    with pytest.raises(TaskFailedError, match="a bug in a loop"):
        await ends(validator)
    assert program.events == ["recover", "close"]


@pytest.mark.parametrize(
    ("role", "hotkey", "mark", "number"),
    [
        ("miner", "miner0", "endpoint.live", signal.SIGTERM),
        ("validator", "validator", "epoch.done", signal.SIGINT),
    ],
)
async def test_a_signal_ends_the_process_cleanly_within_its_grace(subnet, role, hotkey, mark, number):
    process = start_process(subnet, role, hotkey, "--shutdown.grace_seconds", "5")
    assert process.stderr is not None
    lines = []
    while mark not in (line := await asyncio.to_thread(process.stderr.readline)):
        assert line, f"{role} ended early: {lines}"
        lines.append(line)
    process.send_signal(number)
    started = time.monotonic()
    _, rest = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 0, rest
    assert time.monotonic() - started < 8
    assert "neuron.stopped" in rest
    assert "Traceback" not in rest


async def test_an_error_is_one_line_and_exit_code_two(subnet):
    add_hotkey(subnet.wallets, "stranger", "//Bob//stranger")
    process = start_process(subnet, "validator", "stranger")
    _, text = await asyncio.to_thread(process.communicate, None, 60)
    assert process.returncode == 2
    last = text.strip().splitlines()[-1]
    assert last.startswith("error[neuron-not-registered]: hotkey ")
    assert "btcli subnets register" in last
    assert "Traceback" not in text
