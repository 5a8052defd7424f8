"""The OpenAI backend against a real HTTP server on loopback that also misbehaves."""

import asyncio
import json
import random

import msgspec
import pytest
from aiohttp import web

from taostack.process.clock import ManualClock
from taostack.reasonforge import protocol
from taostack.reasonforge.backends.openai import OpenAIBackend, OpenAISettings
from taostack.reasonforge.errors import BackendError, BackendSettingsError
from taostack.reasonforge.tasks import registry

TASK = protocol.public(registry.task_for(b"o" * 32, registry.plan(b"o" * 32)[0], epoch=1, hotkey="miner"), "commitment")


def completion(content, *, tokens=100):
    return {"choices": [{"message": {"role": "assistant", "content": content}}], "usage": {"total_tokens": tokens}}


GOOD = completion(json.dumps({"steps": [{"reasoning": "so", "claims": ["1 + 1 = 2"]}], "final_answer": " 42 "}))


class Endpoint:
    """Answers with the next of its script; the last one again and again."""

    def __init__(self):
        self.script = [GOOD]
        self.requests = []
        self.url = ""

    async def handle(self, request):
        self.requests.append((dict(request.headers), await request.json()))
        action = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if callable(action):
            return await action(request)
        return web.json_response(action)


@pytest.fixture
async def endpoint():
    server = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield server
    await runner.cleanup()


def backend(endpoint, *, clock=None, **settings):
    made = {"base_url": endpoint.url, "api_key": "secret", "model": "m", "pause_seconds": 0.001, **settings}
    return OpenAIBackend(OpenAISettings(**made), rng=random.Random(1), clock=clock)


async def solve(made, task=TASK):
    await made.open()
    try:
        return await made.solve(task)
    finally:
        await made.close()


def status(code, **headers):
    async def act(request):
        return web.Response(status=code, headers=headers)

    return act


def text(body):
    async def act(request):
        return web.Response(text=body, content_type="application/json")

    return act


async def test_it_asks_for_structured_output_and_reads_answer_and_steps(endpoint):
    made = backend(endpoint)
    solution = await solve(made)
    assert solution.final_answer == "42"
    assert solution.steps[0].claims == ("1 + 1 = 2",)
    assert made.spent == 100
    headers, body = endpoint.requests[0]
    assert headers["Authorization"] == "Bearer secret"
    assert body["response_format"]["type"] == "json_schema"
    assert TASK.problem in body["messages"][1]["content"]
    assert TASK.answer_schema.hint() in body["messages"][1]["content"]
    assert made.description == "openai: m"


@pytest.mark.parametrize(
    "trouble",
    [
        status(429),
        status(429, **{"Retry-After": "0"}),
        status(500),
        status(503),
        text("not json"),
        text('{"choices": []}'),
        text('{"choices": [{"message": {"content": null}}]}'),
        text("[" * 100_000),
        completion("the answer is 42"),
        completion('{"steps": [], "final_answer": NaN}'),
        completion('{"steps": [], "final_answer": 42}'),
        completion('{"steps": "none"}'),
        completion('{"steps": [{"reasoning": 1}], "final_answer": "1"}'),
    ],
)
async def test_trouble_that_may_pass_is_tried_again(endpoint, trouble):
    endpoint.script = [trouble, trouble, GOOD]
    assert (await solve(backend(endpoint))).final_answer == "42"
    assert len(endpoint.requests) == 3


async def test_a_markdown_fence_around_the_json_is_taken_off(endpoint):
    endpoint.script = [completion('```json\n{"steps": [], "final_answer": "7"}\n```')]
    assert (await solve(backend(endpoint))).final_answer == "7"


async def test_it_gives_up_after_its_attempts(endpoint):
    endpoint.script = [status(500)]
    with pytest.raises(BackendError, match="answered 500"):
        await solve(backend(endpoint, attempts=3))
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize("code", [400, 401, 404, 302])
async def test_a_refusal_that_will_not_pass_is_not_repeated(endpoint, code):
    endpoint.script = [status(code, **({"Location": "/elsewhere"} if code == 302 else {}))]
    with pytest.raises(BackendError, match=str(code)):
        await solve(backend(endpoint))
    assert len(endpoint.requests) == 1


async def test_a_hanging_endpoint_costs_one_call_deadline_each(endpoint):
    async def hang(request):
        await asyncio.sleep(30)
        return web.json_response(GOOD)

    endpoint.script = [hang, GOOD]
    assert (await solve(backend(endpoint, call_seconds=0.2))).final_answer == "42"


async def test_an_endpoint_that_drips_is_cut_off_too(endpoint):
    async def drip(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    endpoint.script = [drip]
    with pytest.raises(BackendError, match="no answer within"):
        await solve(backend(endpoint, call_seconds=0.2, attempts=1))


async def test_an_answer_without_end_is_refused(endpoint):
    endpoint.script = [text("x" * 2_100_000)]
    with pytest.raises(BackendError, match="longer than"):
        await solve(backend(endpoint))


async def test_a_pause_that_the_server_asks_for_and_that_outlasts_the_task_ends_it(endpoint):
    endpoint.script = [status(429, **{"Retry-After": "3600"})]
    clock = ManualClock()
    with pytest.raises(BackendError, match="429"):
        await solve(backend(endpoint, clock=clock))
    assert clock.monotonic() == 0


async def test_a_pause_that_the_server_asks_for_is_kept(endpoint):
    endpoint.script = [status(429, **{"Retry-After": "7"}), GOOD]
    clock = ManualClock(autojump=True)
    assert (await solve(backend(endpoint, clock=clock))).final_answer == "42"
    assert clock.monotonic() == 7


async def test_a_broken_connection_is_tried_again_and_a_closed_port_reported(endpoint):
    async def break_off(request):
        request.transport.abort()
        return web.Response()

    endpoint.script = [break_off, GOOD]
    assert (await solve(backend(endpoint))).final_answer == "42"
    endpoint.url = "http://127.0.0.1:1/v1"
    with pytest.raises(BackendError, match="could not be asked"):
        await solve(backend(endpoint, attempts=2))


async def test_the_token_budget_ends_the_spending(endpoint):
    made = backend(endpoint, token_budget=150, max_tokens=100)
    await solve(made)
    with pytest.raises(BackendError, match="budget"):
        await solve(made)
    assert len(endpoint.requests) == 1


async def test_a_task_without_time_is_not_asked(endpoint):
    clock = ManualClock()
    made = backend(endpoint, clock=clock)
    await made.open()
    with pytest.raises(BackendError):
        await made.solve(msgspec.structs.replace(TASK, timeout_ms=0))
    await made.close()
    assert endpoint.requests == []


async def test_a_backend_that_is_not_open_says_so(endpoint):
    with pytest.raises(BackendError, match="before it was opened"):
        await backend(endpoint).solve(TASK)


@pytest.mark.parametrize("settings", [{"base_url": "ftp://x"}, {"attempts": 0}, {"call_seconds": 0}])
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(BackendSettingsError):
        OpenAIBackend(OpenAISettings(**settings))
