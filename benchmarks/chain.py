"""Reading a full metagraph and preparing a full weight vector, against the SDK in the same run."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable

import numpy as np

from benchmarks.figure import Figure

NEURONS, ROUNDS = 256, 15


async def milliseconds(act: Callable[[], Awaitable[object]]) -> float:
    """Median time of one call, after one to warm up."""
    await act()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        await act()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def vector_milliseconds() -> tuple[float, float]:
    """(ours, SDK) median time to clip and quantise 256 scores under a limit."""
    from bittensor.intents.weights import clip_to_max_weight, normalize

    from taostack.chain.vector import Limits, prepare

    scores = np.random.default_rng(1).pareto(0.6, NEURONS)
    as_list = scores.tolist()
    limits = Limits(NEURONS, 8, 655)

    def timed(act: Callable[[], object]) -> float:
        act()
        times = []
        for _ in range(200):
            start = time.perf_counter()
            act()
            times.append((time.perf_counter() - start) * 1000)
        return statistics.median(times)

    theirs = timed(lambda: normalize(list(range(NEURONS)), clip_to_max_weight(as_list, 655 / 65_535)))
    return timed(lambda: prepare(scores, limits)), theirs


async def metagraph_milliseconds() -> tuple[float, float]:
    """(ours, SDK) median time to read and build the metagraph of a 256-neuron subnet from a local devnet."""
    from bittensor.sp_core import Keypair

    from taostack.chain import Chain
    from taostack.devnet import Devnet

    with Devnet(block_time=60.0) as devnet:
        devnet.set_storage("SubtensorModule", "SubnetworkN", 1, value=NEURONS)
        for uid in range(NEURONS):
            hotkey = Keypair.create_from_uri(f"//Bench//{uid}").ss58_address
            devnet.set_storage("SubtensorModule", "Keys", 1, uid, value=hotkey)
            devnet.set_storage("SubtensorModule", "Uids", 1, hotkey, value=uid)
        devnet.mine(1)
        async with Chain.connect(devnet.url) as chain:

            async def ours() -> object:
                return await chain.metagraph(1)

            async def theirs() -> object:
                return await chain.read("metagraph", lambda client: client.subnets.metagraph(1, commitments=False))

            assert len(await chain.metagraph(1)) == NEURONS
            return await milliseconds(ours), await milliseconds(theirs)


def figures() -> list[Figure]:
    """Medians on this machine, client and node in one process."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("BITTENSOR_RUNTIME_CACHE_DIR", folder)
        ours, theirs = asyncio.run(metagraph_milliseconds())
    vector, their_vector = vector_milliseconds()
    return [
        Figure(
            "chain",
            f"read and build a metagraph of {NEURONS} neurons",
            round(ours, 2),
            "ms",
            "no slower than the SDK's own",
            ours <= theirs,
            f"one process with the node; bittensor 11: {theirs:.2f} ms",
        ),
        Figure(
            "chain",
            f"scores of {NEURONS} neurons to a clipped u16 vector",
            round(vector, 4),
            "ms",
            "no slower than the SDK's own",
            vector <= their_vector,
            f"exact limits in integers; bittensor 11: {their_vector:.4f} ms",
        ),
    ]
