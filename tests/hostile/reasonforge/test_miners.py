"""Miners that attack: each scores zero, the others what they deserve, and the epoch finishes."""

import asyncio
import random

import msgspec
import pytest

from taostack.reasonforge import leaderboard, protocol
from taostack.reasonforge.backends import Solution
from taostack.reasonforge.backends.base import step
from taostack.reasonforge.backends.solvers import solve
from taostack.reasonforge.backends.symbolic import SymbolicBackend
from taostack.reasonforge.errors import BackendError
from taostack.reasonforge.protocol import ReasoningReply, ReasoningStep
from taostack.reasonforge.rules import DEFAULT
from taostack.reasonforge.validator import RESULT_SECONDS
from tests.support.reasonforge import Subnet

RULES = msgspec.structs.replace(
    DEFAULT, version="hostile", task_timeout_ms=1_000, tasks_per_epoch=2, rounds_in_flight=2, health_checks=1
)


class Crafted:
    """A backend that answers with what the test says."""

    description = "crafted"

    def __init__(self, make):
        self._make = make

    async def open(self):
        pass

    async def close(self):
        pass

    async def solve(self, task):
        return self._make(task)


TEXTS = {
    "empty": "",
    "blank": " \n\t",
    "prose": "The answer is obviously what you expect.",
    "huge integer": "9" * 40_000,
    "tower": "9**9**9**9",
    "code": "__import__('os').system('touch /tmp/owned')",
    "sympy": "Symbol('x').__class__.__base__.__subclasses__()",
    "nan": "NaN",
    "infinity": "Infinity",
    "nul": "4\x002",
    "surrogate look-alikes": "４２ ٣ 𝟘",
    "right to left": "\u202e24",
    "nesting": "[" * 20_000,
    "many items": "{" + ",".join(map(str, range(9_000))) + "}",
}


@pytest.fixture
async def subnet(tmp_path):
    async with Subnet(tmp_path, rules=RULES) as started:
        await started.add(SymbolicBackend(random.Random(1)))
        yield started


async def shares(subnet):
    async with asyncio.timeout(20):
        scores = await subnet.epoch(1)
    found = subnet.shares(scores)
    assert found[0] == pytest.approx(1.0), "the honest miner gets all"
    return found


async def test_answers_that_are_attacks_on_the_parser_score_zero(subnet):
    for text in TEXTS.values():
        await subnet.add(Crafted(lambda task, text=text: Solution(text)))
    assert set((await shares(subnet))[1:]) == {0.0}


async def test_a_template_without_content_that_the_old_heuristics_loved_scores_zero(subnet):
    steps = tuple(
        ReasoningStep(step_id=n, reasoning="therefore " * 60, evidence="x", confidence=1.0, claims=("1 = 1",) * 20)
        for n in range(10)
    )
    await subnet.add(Crafted(lambda task: Solution("42", steps)))
    assert (await shares(subnet))[1] == 0


async def test_a_backend_that_fails_or_never_ends_costs_its_miner_alone(subnet):
    class Endless(Crafted):
        async def solve(self, task):
            await asyncio.sleep(3_600)

    def fail(task):
        raise BackendError("the key is sk-secret")

    await subnet.add(Endless(None))
    await subnet.add(Crafted(fail))
    assert (await shares(subnet))[1:] == [0, 0]
    board = await leaderboard.read(subnet.database)
    assert all("sk-secret" not in row.reason for row in board.rows)


async def test_a_handler_that_breaks_the_protocol_is_a_failure_of_its_own(subnet):
    async def other_task(task, caller):
        return ReasoningReply(task_id="other", final_answer=solve(task.problem, task.answer_schema).final_answer)

    async def too_late(task, caller):
        await asyncio.sleep(1.5)
        return ReasoningReply(task_id=task.task_id, final_answer=solve(task.problem, task.answer_schema).final_answer)

    async def raises(task, caller):
        raise RuntimeError("boom")

    async def too_much(task, caller):
        text = "x" * 10_000
        return ReasoningReply(
            task_id=task.task_id,
            final_answer="1",
            steps=tuple(
                ReasoningStep(step_id=n, reasoning=text, evidence=text, claims=("1 = 1" + " " * 1_900,) * 50)
                for n in range(50)
            ),
        )

    async def lies_in_claims(task, caller):
        answer = solve(task.problem, task.answer_schema).final_answer
        claims = ("9^9^9 = 1", "(" * 1_000, "1 = 2", "2^4000*2^4000 = 0")
        return ReasoningReply(task_id=task.task_id, final_answer=answer + "0", steps=(step(0, "", *claims),))

    for handler in (other_task, too_late, raises, too_much, lies_in_claims):
        await subnet.add_handler(handler)
    found = await shares(subnet)
    assert found[1:] == [0, 0, 0, 0, 0]
    board = await leaderboard.read(subnet.database)
    reasons = {row.uid: row.reason for row in board.rows}
    assert "another task" in reasons[2]
    assert "timeout" in reasons[3]


async def test_a_miner_that_hangs_in_health_checks_and_results_costs_one_deadline_each(subnet):
    async def hang(request, caller):
        await asyncio.sleep(3_600)

    async def answers(task, caller):
        answer = solve(task.problem, task.answer_schema).final_answer
        return ReasoningReply(task_id=task.task_id, final_answer=answer)

    await subnet.add_handler(answers, health=hang, result=hang)
    loop = asyncio.get_running_loop()
    await subnet.epoch(1)
    began = loop.time()
    scores = await subnet.epoch(2)
    assert loop.time() - began < protocol_seconds() + 8
    assert all(share > 0 for share in subnet.shares(scores))


def protocol_seconds():
    """One health check and one result, in vain."""
    return RULES.task_timeout_ms / 1000 + RESULT_SECONDS


async def test_servers_that_speak_something_else_or_nothing_are_misses(subnet):
    async def garbage(reader, writer):
        await reader.readline()
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"cms": NaN, \xff\xfe}')
        await writer.drain()
        writer.close()

    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async def endless(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            writer.close()

    servers = [await asyncio.start_server(handler, "127.0.0.1", 0) for handler in (garbage, silent, endless)]
    try:
        for server in servers:
            subnet.add_address(server.sockets[0].getsockname()[1])
        subnet.add_address(1)
        assert (await shares(subnet))[1:] == [0, 0, 0, 0]
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()


@pytest.mark.parametrize(
    "body",
    [
        b'{"task_id": "t", "final_answer": 42}',
        b'{"task_id": "t", "final_answer": "1", "cms": 1.0}',
        b'{"task_id": "t", "final_answer": "1", "steps": [{"step_id": 0, "reasoning": "", "confidence": NaN}]}',
        b'{"task_id": "t", "final_answer": "1", "steps": [{"step_id": 0, "reasoning": "", "confidence": 1e9}]}',
        b'{"task_id": "t", "final_answer": "1", "steps": ["step"]}',
        b'{"task_id": "t", "final_answer": "1", "steps": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"task_id": "t", "final_answer": "\xff\xfe"}',
        b'{"task_id": "t", "final_answer": "\\ud800"}',
        b'{"task_id": "' + b"t" * 65 + b'", "final_answer": "1"}',
        b'{"task_id": "t", "final_answer": "' + b"1" * 50_001 + b'"}',
        b'{"task_id": "t", "final_answer": "1", "steps": ['
        + b'{"step_id": 0, "reasoning": ""},' * 50
        + b'{"step_id": 0, "reasoning": ""}]}',
        b'{"task_id": "t", "final_answer": "1", "steps": [{"step_id": 99999999999999999999, "reasoning": ""}]}',
        b"null",
        b"",
    ],
)
def test_replies_that_break_the_schema_are_refused_by_the_codec(body):
    with pytest.raises((msgspec.MsgspecError, ValueError, RecursionError)):
        protocol.REASON.reply_codec.decode(body, "application/json")
