"""A backend for any endpoint that speaks the OpenAI chat-completions protocol.

Asks for structured output (a JSON schema), reads the answer strictly, and
bounds everything: the body's size, each call, all calls of a task by the
task's own timeout, and the tokens of the whole run by a budget. Refusals that
may pass (429, 5xx, broken connections, unreadable bodies) are tried again with
growing jittered pauses, or after the time that the server names.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from taostack.process.clock import Clock, SystemClock
from taostack.process.tasks import backoff_seconds
from taostack.reasonforge.backends.base import Solution
from taostack.reasonforge.errors import BackendError, BackendSettingsError
from taostack.reasonforge.protocol import ReasoningStep, ReasoningTask

MAX_BODY_BYTES = 2_000_000
_PASSING = frozenset({408, 409, 425, 429})
_MAX_STEPS = 50
_MAX_STEP_CHARACTERS = 10_000
_MAX_CLAIMS = 20

_INSTRUCTIONS = (
    "You solve mathematical problems exactly. Think step by step. Return JSON with `steps` (each has `reasoning` and "
    "`claims`: exact equations that you have checked, such as `17 * 23 = 391` or `3^100 = 4 (mod 7)`, or an empty "
    "list) and `final_answer`, which holds the answer alone in the requested form."
)

_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["steps", "final_answer"],
    "properties": {
        "steps": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["reasoning", "claims"],
                "properties": {
                    "reasoning": {"type": "string"},
                    "claims": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
        "final_answer": {"type": "string"},
    },
}


@dataclass(frozen=True, slots=True)
class OpenAISettings:
    """Where and how to ask."""

    base_url: str = "https://api.openai.com/v1"
    model: str = "gpt-4o"
    api_key: str = ""
    temperature: float = 0.0
    max_tokens: int = 2_048
    """Most tokens of one completion."""
    attempts: int = 4
    """Calls per task at most."""
    call_seconds: float = 60.0
    """Deadline of one call; the task's timeout bounds all of them together."""
    pause_seconds: float = 0.5
    """Base of the growing pause between calls."""
    token_budget: int = 0
    """Tokens of the whole run, as the server counts them; 0: no bound."""


class _Step(msgspec.Struct):
    reasoning: str
    claims: list[str] = []


class _Content(msgspec.Struct):
    final_answer: str
    steps: list[_Step] = []


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Usage(msgspec.Struct):
    total_tokens: int = 0


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class _PassingError(Exception):
    """Carries a failure that may pass; ``after_seconds`` is what the server asked for."""

    def __init__(self, message: str, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class OpenAIBackend:
    """Answers tasks through a chat-completions endpoint.

    The key is sent to ``base_url`` only; redirects are not followed. ``spent``
    counts tokens as the server reports them.
    """

    def __init__(
        self,
        settings: OpenAISettings,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if not settings.base_url.startswith(("http://", "https://")):
            raise BackendSettingsError(
                f"the base URL was {settings.base_url!r}", remedy="give an http:// or https:// URL"
            )
        if settings.attempts < 1 or settings.call_seconds <= 0 or settings.max_tokens < 1:
            raise BackendSettingsError("attempts, call_seconds and max_tokens must be positive")
        self._settings = settings
        self._clock = clock or SystemClock()
        self._rng = rng or random.SystemRandom()
        self._session: aiohttp.ClientSession | None = None
        self.spent = 0

    @property
    def description(self) -> str:
        """The model's name."""
        return f"openai: {self._settings.model}"

    async def open(self) -> None:
        """Make the connection pool; nothing is sent."""
        headers = {"Authorization": f"Bearer {self._settings.api_key}"} if self._settings.api_key else {}
        self._session = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=None))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def solve(self, task: ReasoningTask) -> Solution:
        """Ask until there is a readable answer, within the attempts and the task's timeout."""
        if self._session is None:
            raise BackendError("the backend was used before it was opened")
        ends_at = self._clock.monotonic() + task.timeout_ms / 1000
        failure = BackendError("no call was made")
        for attempt in range(self._settings.attempts):
            left = ends_at - self._clock.monotonic()
            if left <= 0:
                break
            self._check_budget()
            try:
                async with asyncio.timeout(min(left, self._settings.call_seconds)):
                    return await self._call(self._session, task)
            except TimeoutError:
                failure = BackendError(f"no answer within {min(left, self._settings.call_seconds):.1f} s")
                pause = backoff_seconds(attempt, self._settings.pause_seconds, 30.0, self._rng)
            except _PassingError as passing:
                failure = BackendError(str(passing))
                pause = backoff_seconds(attempt, self._settings.pause_seconds, 30.0, self._rng)
                if passing.after_seconds is not None:
                    pause = passing.after_seconds
            if attempt + 1 < self._settings.attempts and self._clock.monotonic() + pause < ends_at:
                await self._clock.sleep(pause)
            else:
                break
        raise failure

    def _check_budget(self) -> None:
        budget = self._settings.token_budget
        if budget and self.spent + self._settings.max_tokens > budget:
            raise BackendError(
                f"the token budget of {budget} is spent ({self.spent} so far)", remedy="raise --miner.token_budget"
            )

    async def _call(self, session: aiohttp.ClientSession, task: ReasoningTask) -> Solution:
        body = {
            "model": self._settings.model,
            "temperature": self._settings.temperature,
            "max_tokens": self._settings.max_tokens,
            "messages": [
                {"role": "system", "content": _INSTRUCTIONS},
                {"role": "user", "content": _question(task)},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "solution", "strict": True, "schema": _SCHEMA},
            },
        }
        url = self._settings.base_url.rstrip("/") + "/chat/completions"
        try:
            async with session.post(url, json=body, allow_redirects=False) as response:
                if response.status != 200:
                    raise _refusal(response.status, response.headers.get("Retry-After"))
                data = await _bounded_body(response)
        except aiohttp.ClientError as error:
            raise _PassingError(f"the endpoint could not be asked: {type(error).__name__}") from error
        return self._read(data)

    def _read(self, data: bytes) -> Solution:
        try:
            completion = msgspec.json.decode(data, type=_Completion)
            if completion.usage is not None:
                self.spent += max(0, completion.usage.total_tokens)
            text = completion.choices[0].message.content if completion.choices else None
            content = msgspec.json.decode(_unfenced(text or ""), type=_Content)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise _PassingError("the endpoint's answer was not the JSON that was asked for") from error
        steps = tuple(
            ReasoningStep(
                step_id=number,
                reasoning=step.reasoning[:_MAX_STEP_CHARACTERS],
                claims=tuple(claim for claim in step.claims[:_MAX_CLAIMS] if len(claim) <= 2_000),
            )
            for number, step in enumerate(content.steps[:_MAX_STEPS])
        )
        return Solution(content.final_answer.strip()[:50_000], steps)


def _question(task: ReasoningTask) -> str:
    context = f"\n\nContext: {task.context}" if task.context else ""
    return f"{task.problem}{context}\n\n{task.answer_schema.hint()}"


def _unfenced(text: str) -> str:
    """The JSON inside a Markdown fence, which some models write in spite of the schema."""
    text = text.strip()
    if text.startswith("```"):
        text = text.removeprefix("```").removeprefix("json").removesuffix("```")
    return text


def _refusal(status: int, retry_after: str | None) -> Exception:
    if status in _PASSING or status >= 500:
        seconds = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
        return _PassingError(f"the endpoint answered {status}", seconds)
    return BackendError(f"the endpoint answered {status}", remedy="check the key, the model's name and the base URL")


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise BackendError(f"the endpoint's answer was longer than {MAX_BODY_BYTES} bytes")
    return bytes(data)
