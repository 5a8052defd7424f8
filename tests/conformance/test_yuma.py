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
        ({"emission": None, "n": "ten"}, "not a vector"),
        ({"extra": [1]}, "unknown field"),
        ({"params": {"commit_reveal": True}}, "commit-reveal"),
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


def test_a_vector_that_expects_nothing_fails(tmp_path: Path) -> None:
    path = tmp_path / "yuma.json"
    path.write_text(json.dumps({"vectors": [{"id": "empty", "mode": "yuma2", "n": 1}]}))
    assert yuma.run(path) == (0, ["empty: the vector expects nothing"])


def test_resets_may_be_written_in_each_way() -> None:
    for written in ({"20": 3}, {"20": [3]}, {"step": 20, "uid": 3}, [{"epoch": 20, "uids": [3]}]):
        assert yuma._resets(written) == {20: [3]}
    with pytest.raises(yuma.UnknownVectorError):
        yuma._resets(20)
    with pytest.raises(yuma.UnknownVectorError):
        yuma._resets({"step": 20})


def test_liquid_alpha_is_as_the_mode_or_the_parameter_says(tmp_path: Path) -> None:
    for mode, params, liquid in (
        ("yuma3+liquid", {}, True),
        ("yuma3 liquid alpha disabled", {}, False),
        ("yuma3", {"liquid_alpha": True}, True),
        ("yuma3+liquid", {"liquid_alpha": False}, False),
    ):
        vector = json.loads(VECTORS.read_text())["vectors"][2]
        bonds = vector["bonds"] if liquid else [[[0.0125, 0, 0.0125]] * 3]
        changed = vector | {"mode": mode, "params": vector["params"] | params, "bonds": bonds}
        path = tmp_path / "yuma.json"
        path.write_text(json.dumps({"vectors": [changed | ({} if liquid else {"dividends": [[0.8, 0.1, 0.1]]})]}))
        assert yuma.run(path) == (1, []), mode
