"""Keys, messages and routes that the wire's tests share."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import bittensor_core

from taostack.process.clock import Clock
from taostack.wire import Caller, Message, Route, StreamRoute, V10Shape, refuse

ALICE = bittensor_core.Keypair.create_from_uri("//Alice", bittensor_core.CRYPTO_SR25519)
ALICE_ED = bittensor_core.Keypair.create_from_uri("//Alice", bittensor_core.CRYPTO_ED25519)
BOB = bittensor_core.Keypair.create_from_uri("//Bob", bittensor_core.CRYPTO_SR25519)
CHARLIE = bittensor_core.Keypair.create_from_uri("//Charlie", bittensor_core.CRYPTO_SR25519)


class Ask(Message, frozen=True):
    """A prompt, to be said ``times`` times; some prompts make the handler misbehave."""

    prompt: str
    times: int = 1


class Said(Message, frozen=True):
    """What was said, and by whom it was asked."""

    text: str
    asked_by: str = ""
    score: float = 0.0


class Token(Message, frozen=True):
    """One item of a stream."""

    text: str


SAY = Route("say", 1, Ask, Said, v10=V10Shape("Say", ("prompt", "times")))
SAY_AGAIN = Route("say", 2, Ask, Said, idempotent=True)
TOKENS = StreamRoute(
    "tokens",
    1,
    Ask,
    Token,
    v10=V10Shape(
        "Tokens",
        ("prompt", "times"),
        to_chunk=lambda token: token.text.encode(),
        from_chunk=lambda chunk: Token(text=chunk.decode()),
    ),
)


async def say(request: Ask, caller: Caller) -> Said:
    """The handler of ``SAY``."""
    if request.prompt == "crash":
        raise KeyError("the secret of the handler")
    if request.prompt == "refuse":
        raise refuse("not in the mood")
    if request.prompt == "hang":
        await asyncio.Event().wait()
    if request.prompt == "wrong type":
        return Token(text="x")  # type: ignore[return-value]
    if request.prompt == "nan":
        return Said(text="x", score=float("nan"))
    return Said(text=request.prompt * request.times, asked_by=caller.hotkey)


async def tokens(request: Ask, caller: Caller) -> AsyncIterator[Token]:
    """The handler of ``TOKENS``."""
    if request.prompt == "refuse":
        raise refuse("not in the mood")
    for number in range(request.times):
        if request.prompt == "crash" and number == 2:
            raise KeyError("the secret of the handler")
        if request.prompt == "hang" and number == 2:
            await asyncio.Event().wait()
        yield Token(text=f"{request.prompt}{number}")


@dataclass(frozen=True)
class Known:
    """A standing as a metagraph has it."""

    uid: int
    stake_rao: int
    permit: bool


@dataclass
class Book:
    """A directory: hotkeys with their standing, taken at some time."""

    standings: dict[str, Known] = field(default_factory=dict)
    taken_at_ms: int = 0

    def standing(self, hotkey: str) -> Known | None:
        """What is known of the hotkey."""
        return self.standings.get(hotkey)

    def age_ms(self, clock: Clock) -> int:
        """Milliseconds since it was taken."""
        return clock.now_ms() - self.taken_at_ms
