"""An unmodified bittensor 10 neuron, run by the Python of its own environment (see ``test_v10.py``).

``axon PORT`` serves synapses until standard input closes. ``dendrite PORT``
makes every call of the test against a server on that port and prints what came
of each, as JSON.
"""

# v10 compares a hook's signature exactly, and wants typing's Tuple.
# ruff: noqa: UP006, UP035

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, Tuple

import aiohttp
from bittensor.core.axon import Axon
from bittensor.core.chain_data import AxonInfo
from bittensor.core.dendrite import Dendrite
from bittensor.core.stream import StreamingSynapse
from bittensor.core.synapse import Synapse
from bittensor.utils import networking
from bittensor_wallet import Keypair
from starlette.types import Send

# Off line, the constructors' question for the own public address would fail.
networking.get_external_ip = lambda: "192.0.2.1"

ALICE = Keypair.create_from_uri("//Alice")
BOB = Keypair.create_from_uri("//Bob")
CHARLIE = Keypair.create_from_uri("//Charlie")


class Say(Synapse):
    """The tests' ``SAY``."""

    prompt: str
    times: int = 1
    text: str = ""
    asked_by: str = ""
    score: float = 0.0
    required_hash_fields = ("prompt", "times")


class Typed(Synapse):
    """A field of each kind that JSON has, all of them hashed."""

    words: list[str]
    table: dict[str, float]
    number: float
    flag: bool
    nothing: int | None = None
    total: float = 0.0
    required_hash_fields = ("words", "table", "number", "flag", "nothing")


class Unknown(Synapse):
    """Served nowhere."""

    prompt: str = ""


class Tokens(StreamingSynapse):
    """The tests' ``TOKENS``."""

    prompt: str
    times: int = 1
    text: str = ""
    required_hash_fields = ("prompt", "times")

    async def process_streaming_response(self, response: aiohttp.ClientResponse) -> AsyncIterator[str]:
        async for chunk in response.content.iter_any():
            decoded = chunk.decode()
            self.text += decoded
            yield decoded

    def deserialize(self) -> str:
        return self.text

    def extract_response_json(self, response: aiohttp.ClientResponse) -> dict[str, Any]:
        return {"name": "Tokens", "prompt": self.prompt, "times": self.times, "text": self.text}


def say(synapse: Say) -> Say:
    if synapse.prompt == "crash":
        raise KeyError("the secret of the handler")
    synapse.text = synapse.prompt * synapse.times
    synapse.asked_by = synapse.dendrite.hotkey or ""
    return synapse


def no_strangers(synapse: Say) -> Tuple[bool, str]:
    return synapse.dendrite.hotkey == CHARLIE.ss58_address, "no strangers"


def typed(synapse: Typed) -> Typed:
    synapse.total = sum(synapse.table.values()) + synapse.number + len(synapse.words)
    return synapse


def tokens(synapse: Tokens) -> StreamingSynapse.BTStreamingResponse:
    prompt, times = synapse.prompt, synapse.times

    async def streamer(send: Send) -> None:
        for number in range(times):
            body = f"{prompt}{number}".encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await asyncio.sleep(0.02)

    return synapse.create_streaming_response(streamer)


def run_axon(port: int) -> None:
    wallet = SimpleNamespace(hotkey=BOB, coldkeypub=BOB)
    axon = Axon(wallet=wallet, port=port, ip="127.0.0.1", external_ip="127.0.0.1")
    axon.attach(say, blacklist_fn=no_strangers).attach(typed).attach(tokens)
    axon.start()
    print(json.dumps({"serving": port}), flush=True)
    sys.stdin.read()
    os._exit(0)


async def run_dendrite(port: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    target = AxonInfo(
        version=10_005_000, ip="127.0.0.1", port=port, ip_type=4, hotkey=BOB.ss58_address, coldkey=BOB.ss58_address
    )
    elsewhere = AxonInfo(
        version=10_005_000,
        ip="127.0.0.1",
        port=port,
        ip_type=4,
        hotkey=CHARLIE.ss58_address,
        coldkey=CHARLIE.ss58_address,
    )
    alice, charlie = Dendrite(wallet=ALICE), Dendrite(wallet=CHARLIE)

    def told(answer: Any) -> dict[str, Any]:
        return {
            "status": answer.dendrite.status_code,
            "message": answer.dendrite.status_message,
            "success": answer.is_success,
            "timeout": answer.is_timeout,
            "blacklist": answer.is_blacklist,
            "text": getattr(answer, "text", None),
            "asked_by": getattr(answer, "asked_by", None),
            "total": getattr(answer, "total", None),
            "prompt": getattr(answer, "prompt", None),
        }

    async def ask(name: str, synapse: Synapse, dendrite: Dendrite = alice, axon: AxonInfo = target) -> None:
        found[name] = told(await dendrite.forward(axon, synapse, timeout=5, deserialize=False))

    await ask("plain", Say(prompt="tao", times=2))
    await ask("typed", Typed(words=["a", "é", 'q"'], table={"k": 0.1, "big": 1e22}, number=2, flag=True))
    await ask("unknown route", Unknown())
    await ask("crash", Say(prompt="crash"))
    await ask("refuse", Say(prompt="refuse"))
    await ask("hang", Say(prompt="hang"))
    await ask("denied", Say(prompt="x"), charlie)
    await ask("wrong receiver", Say(prompt="x"), alice, elsewhere)
    many = await alice.forward([target] * 50, Say(prompt="x"), timeout=20, deserialize=False)
    found["many"] = [told(answer)["status"] for answer in many]

    stream = alice.call_stream(target, Tokens(prompt="t", times=3), timeout=5, deserialize=False)
    chunks = [chunk async for chunk in stream]
    found["stream"] = {"chunks": [c for c in chunks if isinstance(c, str)], **told(chunks[-1])}
    await alice.aclose_session()
    await charlie.aclose_session()
    return found


if __name__ == "__main__":
    if sys.argv[1] == "axon":
        run_axon(int(sys.argv[2]))
    else:
        print(json.dumps(asyncio.run(run_dendrite(int(sys.argv[2])))), flush=True)
        os._exit(0)
