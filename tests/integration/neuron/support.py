"""A tiny subnet: a miner that says back what it hears, and a validator that checks it.

Run as a program it is one neuron: ``python support.py miner|validator --netuid …``.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import sqlalchemy as sa

from taostack.chain.client import Chain
from taostack.chain.wallet import Wallet, create_wallet, dev_wallet
from taostack.devnet import Devnet
from taostack.neuron.config import (
    AxonSettings,
    EpochSettings,
    HealthSettings,
    MetagraphSettings,
    NeuronSettings,
    StateSettings,
    SubtensorSettings,
    WalletSettings,
)
from taostack.neuron.program import EpochContext, MinerContext, RecoverContext, Scores
from taostack.storage.migrations import Migrations, creates
from taostack.wire import Caller, Message, Route

TAO = 10**9
NETUID = 1
TEMPO = 10
BLOCK_SECONDS = 0.1


class Say(Message, frozen=True):
    """Say this back."""

    text: str


ECHO = Route("echo", 1, Say, Say, idempotent=True)

results = sa.Table(
    "echo_results",
    sa.MetaData(),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("word", sa.Text, nullable=False),
    sa.Column("hotkey", sa.Text, nullable=False),
    sa.Column("right", sa.Boolean, nullable=False),
)
RESULTS = Migrations("echo", (creates(results),))


class EchoMiner:
    """Says back what it hears; ``honest=False`` says something else."""

    migrations: Sequence[Migrations] = ()

    def __init__(self, *, honest: bool = True) -> None:
        self.honest = honest
        self.calls: list[Caller] = []
        self.events: list[str] = []

    async def open(self, context: MinerContext) -> None:
        self.events.append("open")
        self.context = context

    def routes(self):
        return [(ECHO, self.answer)]

    async def answer(self, request: Say, caller: Caller) -> Say:
        self.calls.append(caller)
        return request if self.honest else Say(text="something else")

    async def close(self) -> None:
        self.events.append("close")


class EchoValidator:
    """Asks every target for the epoch's secret word; who says it back scores 1, the others 0.1."""

    migrations: Sequence[Migrations] = (RESULTS,)
    rules = "echo-1"

    def __init__(self, *, pause_seconds: float = 0.0) -> None:
        self.pause_seconds = pause_seconds
        self.events: list[str] = []
        self.recovered: RecoverContext | None = None
        self.epochs: list[int] = []

    async def recover(self, context: RecoverContext) -> None:
        self.events.append("recover")
        self.recovered = context

    async def epoch(self, context: EpochContext) -> Scores:
        self.epochs.append(context.epoch.index)
        word = f"{context.rng.getrandbits(64):016x}"
        asked = [(target.endpoint, Say(text=word)) for target in context.targets]
        answers = await context.dendrite.ask_all(ECHO, asked, deadline_seconds=2.0)
        await asyncio.sleep(self.pause_seconds)
        right = {
            target.key: answer.reply is not None and answer.reply.text == word
            for target, answer in zip(context.targets, answers, strict=True)
        }

        def commit(connection: sa.Connection) -> None:
            for key, good in right.items():
                connection.execute(
                    sa.insert(results).values(
                        epoch=context.epoch.index, attempt=context.attempt, word=word, hotkey=key.hotkey, right=good
                    )
                )

        return Scores({key: 1.0 if good else 0.1 for key, good in right.items()}, self.rules, commit=commit)

    async def close(self) -> None:
        self.events.append("close")


@dataclass(frozen=True)
class Subnet:
    """Subnet 1 of a devnet with registered, staked wallets whose files lie in ``wallets``."""

    devnet: Devnet
    wallets: Path
    validator: Wallet
    miners: tuple[Wallet, ...]
    state: Path

    @property
    def book(self) -> Path:
        """The validator's database."""
        return self.state / f"validator-{NETUID}-{self.validator.hotkey_address}.sqlite"

    def settings(self, hotkey: str, *, ip: str = "127.0.0.2", port: int = 0, **changes: object) -> NeuronSettings:
        """Settings of one of its neurons; ``changes`` replaces branches."""
        settings = NeuronSettings(
            netuid=NETUID,
            wallet=WalletSettings(name="team", hotkey=hotkey, path=str(self.wallets)),
            subtensor=SubtensorSettings(chain_endpoint=(self.devnet.url,), deadline_seconds=10.0),
            axon=AxonSettings(ip=ip, port=port),
            health=HealthSettings(port=0),
            state=StateSettings(path=str(self.state)),
            metagraph=MetagraphSettings(every_blocks=3),
            epoch=EpochSettings(retry_seconds=0.1),
        )
        return msgspec.structs.replace(settings, **changes)


def make_wallets(folder: Path, miners: int) -> tuple[Wallet, tuple[Wallet, ...]]:
    """A validator's and miners' wallets on disk, under one coldkey named ``team``."""
    made = [create_wallet("team", "validator", folder, coldkey_uri="//Bob", hotkey_uri="//Bob//validator")]
    for number in range(miners):
        wallet = dev_wallet("//Bob", hotkey=f"//Bob//miner{number}")
        add_hotkey(folder, f"miner{number}", f"//Bob//miner{number}")
        made.append(wallet)
    return dev_wallet("//Bob", hotkey="//Bob//validator"), tuple(made[1:])


def add_hotkey(folder: Path, name: str, uri: str) -> None:
    """Write one more hotkey into the wallet ``team``."""
    from bittensor import Wallet as KeyfileWallet
    from bittensor.sp_core import Keypair

    files = KeyfileWallet("team", name, str(folder))
    pair = Keypair.create_from_uri(uri)
    files.hotkey_file.set_keypair(pair, encrypt=False)


async def make_subnet(devnet: Devnet, folder: Path, *, miners: int = 2, tempo: int = TEMPO) -> Subnet:
    """Register a validator with stake and permit, and miners, on subnet 1."""
    validator, miner_wallets = make_wallets(folder / "wallets", miners)
    devnet.set_storage("SubtensorModule", "Tempo", NETUID, value=tempo)
    devnet.set_storage("SubtensorModule", "WeightsSetRateLimit", NETUID, value=0)
    devnet.set_storage("SubtensorModule", "ServingRateLimit", NETUID, value=0)
    devnet.set_balance(validator.coldkey_address, 1_000_000 * TAO)
    async with Chain.connect(devnet.url, deadline_seconds=10.0) as chain:
        for wallet in (validator, *miner_wallets):
            await register(chain, wallet)
        stake(devnet, validator, 1_000 * TAO)
        head = await chain.head()
        schedule = await chain.epoch_schedule(NETUID)
    permits = [True] * (2 + miners)
    permits[2:] = [False] * miners
    devnet.set_storage("SubtensorModule", "ValidatorPermit", NETUID, value=permits)
    assert head.number >= schedule.last_epoch_block
    return Subnet(devnet, folder / "wallets", validator, miner_wallets, folder / "state")


async def register(chain: Chain, wallet: Wallet) -> None:
    """Register a hotkey by the plain call."""
    from bittensor import calls

    call = calls.SubtensorModule.burned_register(netuid=NETUID, hotkey=wallet.hotkey_address)
    await chain.submit("register", call, wallet.coldkey)


def stake(devnet: Devnet, wallet: Wallet, rao: int) -> None:
    """Give a hotkey alpha, so that epochs see it as a validator."""
    from taostack.devnet.pallets import stake_ledger

    devnet.call(
        lambda node: node.patch(
            lambda ctx: stake_ledger.increase_alpha(
                ctx.state, wallet.hotkey_address, wallet.coldkey_address, NETUID, rao
            )
        )
    )


def start_process(subnet: Subnet, role: str, hotkey: str, *more: str) -> subprocess.Popen[str]:
    """One of the subnet's neurons as a process that logs JSON lines to stderr."""
    settings = subnet.settings(hotkey)
    arguments = [
        *("--netuid", str(NETUID), "--wallet.name", "team", "--wallet.hotkey", hotkey),
        *("--wallet.path", settings.wallet.path, "--subtensor.chain_endpoint", subnet.devnet.url),
        *("--axon.ip", "127.0.0.2", "--axon.port", "0", "--state.path", settings.state.path),
        *("--logging.format", "json", *more),
    ]
    return subprocess.Popen(
        [sys.executable, __file__, role, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )


def main() -> None:
    """One neuron as a process."""
    import typer

    from taostack.neuron import Miner, Validator, run_until_signalled
    from taostack.neuron.options import with_settings
    from taostack.process import logs
    from taostack.process.errors import TaostackError

    app = typer.Typer()

    @app.command()
    @with_settings(NeuronSettings)
    def miner(settings: NeuronSettings) -> None:
        logs.configure(level=settings.logging.level, format=settings.logging.format)
        raise SystemExit(run_until_signalled(Miner(settings, EchoMiner()).run, settings))

    @app.command()
    @with_settings(NeuronSettings)
    def validator(settings: NeuronSettings, pause: float = 0.0) -> None:
        logs.configure(level=settings.logging.level, format=settings.logging.format)
        program = EchoValidator(pause_seconds=pause)
        raise SystemExit(run_until_signalled(Validator(settings, program).run, settings))

    try:
        app(standalone_mode=False)
    except TaostackError as error:
        print(error.line(), file=sys.stderr)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
