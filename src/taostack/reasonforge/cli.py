"""``taostack reasonforge``: mine, validate, simulate, look, check."""

import json
import os
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from taostack.neuron.options import with_settings
from taostack.process.errors import UsageError
from taostack.reasonforge.settings import ReasonforgeMinerSettings, ReasonforgeValidatorSettings

if TYPE_CHECKING:
    from taostack.reasonforge.backends import Backend
    from taostack.reasonforge.rules import Rules

app = typer.Typer(
    name="reasonforge",
    help="The reasoning network: validators set checkable tasks, miners answer, verifiers decide.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
DatabaseOption = Annotated[
    str, typer.Option("--database", help="The validator's database: a file or postgresql:// URL.")
]


def make_backend(settings: ReasonforgeMinerSettings) -> "Backend":
    """The backend that the settings name; raises ``BackendSettingsError`` when it cannot work."""
    from taostack.reasonforge.backends.dishonest import SpammerBackend
    from taostack.reasonforge.backends.openai import OpenAIBackend, OpenAISettings
    from taostack.reasonforge.backends.symbolic import SymbolicBackend
    from taostack.reasonforge.errors import BackendSettingsError

    options = settings.miner
    rng = Random(options.seed)  # noqa: S311 - seeds behaviour, no secrets
    match options.backend:
        case "symbolic":
            return SymbolicBackend(rng, error_rate=options.error_rate, think_seconds=options.think_seconds)
        case "spammer":
            return SpammerBackend(rng)
    key = os.environ.get(options.api_key_env, "")
    if not key and options.base_url == OpenAISettings().base_url:
        raise BackendSettingsError(
            f"the environment variable {options.api_key_env} holds no key",
            remedy=f"export {options.api_key_env}=…, or choose --miner.backend symbolic",
        )
    return OpenAIBackend(
        OpenAISettings(
            base_url=options.base_url,
            model=options.model,
            api_key=key,
            max_tokens=options.max_tokens,
            token_budget=options.token_budget,
        )
    )


def make_rules(settings: ReasonforgeValidatorSettings) -> "Rules":
    """The default rules with the settings' numbers; a changed number changes the version."""
    from taostack.reasonforge.rules import DEFAULT

    options = settings.validator
    changed = msgspec.structs.replace(
        DEFAULT,
        tasks_per_epoch=options.tasks_per_epoch,
        trap_rate=options.trap_rate,
        task_timeout_ms=round(options.timeout * 1000),
        rounds_in_flight=options.rounds_in_flight,
    )
    if changed == DEFAULT:
        return DEFAULT
    return msgspec.structs.replace(changed, version=f"{DEFAULT.version}+{changed.fingerprint()}")


@app.command()
@with_settings(ReasonforgeMinerSettings)
def miner(settings: ReasonforgeMinerSettings) -> None:
    """Run a miner: answer validators' tasks until stopped."""
    from taostack.neuron import Miner, run_until_signalled
    from taostack.process import logs
    from taostack.reasonforge.miner import ReasonforgeMiner

    logs.configure(level=settings.logging.level, format=settings.logging.format)
    settings = settings.with_port()
    program = ReasonforgeMiner(
        make_backend(settings), max_concurrent=settings.miner.max_concurrent, domains=settings.miner.domains
    )
    sys.exit(run_until_signalled(Miner(settings, program).run, settings))


@app.command()
@with_settings(ReasonforgeValidatorSettings)
def validator(settings: ReasonforgeValidatorSettings) -> None:
    """Run a validator: ask, verify, set weights, epoch after epoch, until stopped."""
    from taostack.neuron import Validator, run_until_signalled
    from taostack.process import logs
    from taostack.reasonforge.validator import ReasonforgeValidator

    logs.configure(level=settings.logging.level, format=settings.logging.format)
    program = ReasonforgeValidator(
        rules=make_rules(settings),
        families=settings.validator.families,
        reserve_blocks=settings.validator.reserve_blocks,
        publish_commitments=settings.validator.publish_commitments,
    )
    sys.exit(run_until_signalled(Validator(settings, program).run, settings))


@app.command()
def simulate(
    epochs: Annotated[int, typer.Option(help="Epochs to run.", min=1, max=1_000_000)] = 5,
    emission: Annotated[float, typer.Option(help="TAO per epoch.", min=0)] = 100.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.", min=0)] = 42,
    output: Annotated[Path | None, typer.Option(help="Also write the run as JSON to this file.")] = None,
    compat: Annotated[bool, typer.Option("--compat", help="Score as the public simulator does.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show every epoch, not the last alone.")] = False,
    as_json: Json = False,
) -> None:
    """Simulate miners and validators of known strength, without a network."""
    from taostack.reasonforge import display
    from taostack.reasonforge.rules import COMPAT, DEFAULT
    from taostack.reasonforge.simulator import Simulation

    rules = COMPAT if compat else DEFAULT
    simulation = Simulation(seed=seed, emission=emission, rules=rules)
    config = {"epochs": epochs, "emission": emission, "seed": seed, "rules": rules.version}
    records = [
        simulation.epoch() for _ in display.progress(range(epochs), "simulating", enabled=not as_json and epochs > 200)
    ]
    document = {"config": config, "epochs": [record.rounded() for record in records]}
    if output is not None:
        _write(output, json.dumps(document, indent=1))
    if as_json:
        typer.echo(json.dumps(document))
        return
    display.simulation(records if verbose else records[-1:], config)
    if output is not None:
        typer.echo(f"written to {output}")


@app.command()
def leaderboard(
    database: DatabaseOption,
    epoch: Annotated[int | None, typer.Option(help="The epoch; the newest closed one when not given.")] = None,
    network: Annotated[
        str, typer.Option("--subtensor.network", help="Chain to read incentive and emission from; empty: none.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Show who earned what in an epoch, and why."""
    from taostack.reasonforge import display, looking

    board = looking.leaderboard(database, epoch, network)
    if as_json:
        typer.echo(msgspec.json.encode(board).decode())
        return
    display.leaderboard(board)


@app.command()
def families(
    draw: Annotated[str, typer.Option(help="Draw an example of this family.")] = "",
    level: Annotated[int | None, typer.Option(help="Difficulty of the example.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the example.", min=0)] = 0,
    as_json: Json = False,
) -> None:
    """List the task families, or draw an example with its answer."""
    from taostack.reasonforge import display
    from taostack.reasonforge.tasks import registry

    if draw:
        source = registry.family(draw)
        wanted = source.levels[0] if level is None else level
        instance = registry.draw(draw, wanted, seed.to_bytes(32, "big"))
        shown = {
            "family": draw,
            "level": wanted,
            "problem": instance.statement,
            "form": instance.schema.hint(),
            "answer": instance.truth,
        }
        typer.echo(json.dumps(shown) if as_json else "\n".join(f"{name}: {value}" for name, value in shown.items()))
        return
    rows = [
        {
            "name": each.name,
            "title": each.title,
            "domain": each.domain,
            "topic": each.topic,
            "levels": list(each.levels),
        }
        for each in registry.FAMILIES.values()
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    display.families(list(registry.FAMILIES.values()))


@app.command()
def audit(
    record: Annotated[Path | None, typer.Argument(help="An exported epoch to check.")] = None,
    database: Annotated[str, typer.Option("--database", help="Check (or export) from a validator's database.")] = "",
    epoch: Annotated[int | None, typer.Option(help="The epoch in the database; the newest when not given.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write the epoch's record to this file.")] = None,
    commitment: Annotated[str, typer.Option(help="The commitment that you heard while the epoch was open.")] = "",
    as_json: Json = False,
) -> None:
    """Recompute an epoch from its published seed and transcripts; exit code 1 when anything differs."""
    from taostack.reasonforge import audit as auditing
    from taostack.reasonforge import looking

    if (record is None) == (not database):
        raise UsageError("an audit needs a record or a database", remedy="give a FILE, or --database with --epoch")
    found = auditing.decode(_read(record)) if record is not None else looking.epoch_file(database, epoch)
    if export is not None:
        _write(export, msgspec.json.encode(found).decode())
    report = auditing.audit(found, commitment=commitment or None)
    if as_json:
        typer.echo(json.dumps({"ok": report.ok, **msgspec.to_builtins(report)}))
    else:
        verdict = "everything follows from the published seed" if report.ok else "DIFFERENCES"
        typer.echo(f"epoch {report.epoch} of {report.validator}: {report.tasks} answers of {report.miners} miners")
        typer.echo(verdict)
        for line in report.differences:
            typer.echo(f"- {line}")
    if not report.ok:
        raise typer.Exit(1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} could not be read: {error.strerror}", remedy="give an exported record") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} could not be written: {error.strerror}", remedy="give another file") from error
