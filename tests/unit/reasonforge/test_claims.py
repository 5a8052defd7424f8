import pytest

from taostack.reasonforge.tasks.claims import count_true, holds


@pytest.mark.parametrize(
    "claim",
    [
        "17 * 23 = 391",
        "1/3 + 1/6 = 1/2",
        "3^100 = 4 (mod 7)",
        "2^1000000007 = 2 (mod 1000000007)",
        "-(2 - 5) = 3",
        "--2 = 2",
        "2^10 = (1 + 3)^5",
        "0 = 0",
    ],
)
def test_true_equations_hold(claim):
    assert holds(claim)


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "1",
        "1 = 2",
        "1 = 1 = 1",
        "1 = ",
        "(1 = 1",
        "1/0 = 1/0",
        "1/2 = 4 (mod 7)",
        "9^9^9 = 1",
        "9^999999999 = 9^999999999",
        "2^x = 2",
        "2^(-1) = 1/2",
        "x = x",
        "１ = １",
        "1 = 1 (mod 0)",
        "__import__('os') = 1",
        "(" * 30 + "1" + ")" * 30 + " = 1",
        "1" + "+1" * 300 + " = 301",
        "1 = 1" + " " * 3_000,
        "10^200 * 10^200 * 10^200 * 10^200 * 10^200 * 10^200 * 10^200 = 1",
    ],
)
def test_what_is_false_unreadable_or_too_big_does_not_hold(claim):
    assert not holds(claim)


def test_more_claims_than_looked_at_are_sampled_by_the_seed():
    claims = ["1 = 1"] * 30 + ["1 = 2"] * 30
    counted = count_true(claims, seed=b"s", most=20)
    assert counted.checked == 20
    assert 0 < counted.true < 20
    assert count_true(claims, seed=b"s", most=20) == counted
    assert count_true(claims[:2], seed=b"s", most=20) == (2, 2)
