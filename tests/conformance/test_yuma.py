"""The shipped vectors of Yuma hold, and a vector the runner does not understand does not pass."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import yuma

VECTORS = Path(__file__).parent.parent / "vectors" / "yuma.json"


def test_every_shipped_vector_holds() -> None:
    passed, failures = yuma.run(VECTORS)
    assert failures == []
    assert passed == 3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"emission": [1] * 10}, "emission is"),
        ({"params": {"kapa": 1}}, "unknown parameters"),
        ({"steps": [{"set_wieghts": {}}]}, "unknown change"),
    ],
)
def test_a_vector_that_differs_or_is_not_understood_fails(
    change: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    vector = json.loads(VECTORS.read_text())["vectors"][0] | change
    path = tmp_path / "yuma.json"
    path.write_text(json.dumps({"vectors": [vector]}))
    passed, failures = yuma.run(path)
    assert passed == 0
    assert complaint in failures[0]
