import json
from pathlib import Path

import pytest

from tests.conformance import reasonforge

VECTORS = Path(__file__).parents[1] / "vectors" / "reasonforge.json"


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"], ids=lambda v: v["id"])
def test_the_library_reproduces_the_vector(vector):
    assert reasonforge.check(vector) is None


def test_the_runner_counts_every_vector_and_finds_no_difference():
    assert reasonforge.run(VECTORS) == (95, [])


def test_the_runner_reports_a_wrong_value_and_an_unknown_name(tmp_path):
    vectors = [
        {"id": "X-1", "eq": 13, "name": "final_score", "input": {"o": 1, "c": 1}, "expected": 0.9, "tol": 1e-9},
        {"id": "X-2", "eq": 0, "name": "unheard_of", "input": {}, "expected": 1, "tol": 1e-9},
        {"id": "X-3", "eq": 1, "name": "emission_split", "input": {"total": -1}, "expected": 1, "tol": 1e-9},
    ]
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"vectors": vectors, "constants": {"PEB_K": 11}}), encoding="utf-8")
    passed, failures = reasonforge.run(file)
    assert passed == 0
    assert [line.split()[0] for line in failures] == ["constants", "X-1", "X-2", "X-3"]
