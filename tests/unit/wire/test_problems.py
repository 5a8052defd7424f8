"""Stable codes."""

import pytest

from taostack.wire import problems
from taostack.wire.errors import RouteError
from taostack.wire.limits import AxonLimits, DendriteLimits


def test_codes_are_unique_and_their_statuses_are_errors() -> None:
    codes = [kind.code for kind in problems.ALL]
    assert len(codes) == len(set(codes)) > 20
    assert all(400 <= kind.status < 600 for kind in problems.ALL)


def test_a_body_can_be_read_back() -> None:
    problem = problems.read_problem(problems.problem_body(problems.BUSY, "later", error_id="x"))
    assert problem is not None
    assert (problem.status, problem.code, problem.detail, problem.id) == (503, "busy", "later", "x")
    assert problem.type == "urn:taostack:problem:busy"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"code":1}'])
def test_something_else_is_no_problem(body: bytes) -> None:
    assert problems.read_problem(body) is None


def test_limits_must_be_positive_numbers() -> None:
    for limits, change in (
        (AxonLimits, {"body_bytes": 0}),
        (AxonLimits, {"body_seconds": -1.0}),
        (DendriteLimits, {"attempts": 0}),
        (DendriteLimits, {"deadline_seconds": float("nan")}),
    ):
        with pytest.raises(RouteError):
            limits(**change)


def test_a_store_must_remember_as_long_as_the_longer_window() -> None:
    assert AxonLimits().retention_seconds == 20.0
    assert AxonLimits(max_age_seconds=60).retention_seconds == 62.0
