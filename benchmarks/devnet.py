"""The devnet: start, reads, transfers, a full metagraph, idle memory.

Reads go through a real websocket from a client in another process, so that
client and server have a core each. Transfers are signed beforehand; checking
the signatures is part of what is measured. Times are the best of some rounds,
so that what else the machine does in one of them is not measured.
"""

import multiprocessing
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figure import Figure
from taostack.devnet import Devnet
from taostack.devnet.author import Chain
from taostack.devnet.codec import ss58_encode
from taostack.devnet.genesis import DEV_ACCOUNTS
from taostack.devnet.profile import load_profile
from taostack.devnet.signing import compose, sign_call
from taostack.process.clock import SystemClock

AREA = "devnet"
ROUNDS = 4
STARTS = 5
READS = 5_000
TRANSFERS = 1_000
NEURONS = 256
IDLE_SECONDS = 5.0
START_MS = 1_750_000_000_000


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def start_seconds() -> float:
    """Best seconds from ``Devnet()`` to the first answer on its websocket; modules imported, no profile cached."""
    from websockets.sync.client import connect

    from taostack.devnet import profile

    taken = []
    for _ in range(STARTS):
        profile._load_profile.cache_clear()
        started = time.perf_counter()
        with Devnet() as devnet, connect(devnet.url) as connection:
            connection.send('{"id":1,"method":"chain_getHead"}')
            connection.recv()
            taken.append(time.perf_counter() - started)
    return min(taken)


def _client(url: str, key: str, count: int, in_flight: int, pipe: Connection) -> None:
    """Raw frames on a raw socket: the client costs little, so the server is what is measured."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.sendall(
            f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        raw.recv(4_096)
        frame = _masked(f'{{"id":1,"method":"state_getStorage","params":["{key}"]}}'.encode())
        pipe.send([_seconds(lambda: _exchange(raw, frame, count, in_flight)) for _ in range(ROUNDS)])


def _masked(body: bytes) -> bytes:
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
    return b"\x81" + struct.pack("!BH", 0x80 | 126, len(body)) + mask + masked


def _exchange(raw: socket.socket, frame: bytes, count: int, in_flight: int) -> None:
    """Send ``count`` requests, never more than ``in_flight`` unanswered."""
    sent = answered = 0
    buffer = b""
    while answered < count:
        room = min(in_flight - (sent - answered), count - sent)
        if room:
            raw.sendall(frame * room)
            sent += room
        buffer += raw.recv(262_144)
        while len(buffer) > 4:
            length = buffer[1] if buffer[1] < 126 else int.from_bytes(buffer[2:4], "big")
            end = length + (2 if buffer[1] < 126 else 4)
            if len(buffer) < end:
                break
            buffer = buffer[end:]
            answered += 1


def reads_per_second(in_flight: int, count: int) -> float:
    """Storage reads a second of one client in its own process: the best of some rounds."""
    with Devnet(seal="manual") as devnet:
        alice = DEV_ACCOUNTS["//Alice"]
        key = "0x" + devnet.call(lambda node: node.chain.state.codec.key("System", "Account", (alice,))).hex()
        ours, theirs = multiprocessing.Pipe()
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(target=_client, args=(devnet.url, key, count, in_flight, theirs))
        process.start()
        seconds = min(ours.recv())
        process.join()
    return float(count / seconds)


def transfers_per_second() -> float:
    """Signed transfers judged, signature and all, taken into the pool, applied and sealed, a second."""
    chain = Chain(load_profile(250))
    codec = chain.profile.codec
    call = compose(codec, "Balances.transfer_keep_alive", {"dest": DEV_ACCOUNTS["//Bob"], "value": 12_345})
    total = ROUNDS * TRANSFERS
    raws = [sign_call(codec, "//Alice", call, nonce=n, genesis_hash=chain.genesis_hash) for n in range(total)]
    taken = []
    for at in range(0, total, TRANSFERS):
        started = time.perf_counter()
        for raw in raws[at : at + TRANSFERS]:
            chain.submit(chain.decode(raw))
        applied = len(chain.seal(START_MS).included)
        taken.append(time.perf_counter() - started)
        if applied != TRANSFERS:
            raise RuntimeError(f"{applied} of {TRANSFERS} transfers were applied")
    return TRANSFERS / min(taken)


def fill_subnet(chain: Chain, netuid: int, count: int) -> None:
    """Register ``count`` neurons by writing what registration writes."""
    from taostack.devnet.pallets.dispatch import Context

    def change(ctx: Context) -> None:
        put = ctx.state.put
        sub = "SubtensorModule"
        for uid in range(count):
            hotkey = ss58_encode(uid.to_bytes(4, "little") + bytes(28))
            put(sub, "Keys", netuid, uid, value=hotkey)
            put(sub, "Uids", netuid, hotkey, value=uid)
            put(sub, "IsNetworkMember", hotkey, netuid, value=True)
            put(sub, "Owner", hotkey, value=DEV_ACCOUNTS["//Alice"])
            put(sub, "BlockAtRegistration", netuid, uid, value=1)
        for name in ("Incentive", "Dividends", "Consensus", "ValidatorTrust"):
            put(sub, name, netuid, value=[1] * count)
        put(sub, "Emission", netuid, value=[1] * count)
        put(sub, "LastUpdate", netuid, value=[1] * count)
        put(sub, "Active", netuid, value=[True] * count)
        put(sub, "ValidatorPermit", netuid, value=[False] * count)
        put(sub, "SubnetworkN", netuid, value=count)

    chain.patch(change)


def metagraph_milliseconds() -> float:
    """Best milliseconds of an uncached ``get_metagraph`` of 256 neurons, encoded."""
    chain = Chain(load_profile(250))
    fill_subnet(chain, 1, NEURONS)
    times = []
    for _ in range(15):
        chain._api_answers.clear()
        times.append(_seconds(lambda: chain.call_api("SubnetInfoRuntimeApi.get_metagraph", b"\x01\x00", None)))
    return min(times) * 1_000


def idle_megabytes() -> float:
    """Resident memory of ``taostack devnet`` some seconds after its start, in MB."""
    program = [sys.executable, "-c", "from taostack.cli import main; main()", "devnet", "--port", "0"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout or ():
            if line.startswith("Ready "):
                break
        clock = SystemClock()
        until = clock.monotonic() + IDLE_SECONDS
        while clock.monotonic() < until:
            time.sleep(0.2)
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1_024 / 1e6
        raise RuntimeError("the kernel does not tell resident memory")
    finally:
        process.terminate()
        process.wait(10)


def figures() -> list[Figure]:
    """The figures of the devnet."""
    start = start_seconds()
    one = reads_per_second(1, READS)
    many = reads_per_second(64, 4 * READS)
    transfers = transfers_per_second()
    metagraph = metagraph_milliseconds()
    memory = idle_megabytes()
    return [
        Figure(AREA, "start to first answer", start, "s", "< 0.3", start < 0.3, "in process, modules imported"),
        Figure(AREA, "reads, one after the other", one, "1/s", "≥ 5,000", one >= 5_000, "one client, raw socket"),
        Figure(AREA, "reads, 64 in flight", many, "1/s", "≥ 5,000", many >= 5_000, "one client, raw socket"),
        Figure(
            AREA, "transfers applied", transfers, "1/s", "≥ 5,000", transfers >= 5_000, "with sr25519, fees, events"
        ),
        Figure(AREA, "get_metagraph, 256 neurons", metagraph, "ms", "≤ 6", metagraph <= 6, "uncached, encoded"),
        Figure(AREA, "idle memory", memory, "MB", "≤ 80", memory <= 80, "resident, after 5 s of 0.25 s blocks"),
    ]
