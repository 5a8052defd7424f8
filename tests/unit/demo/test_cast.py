from taostack.demo.cast import CAST, backends
from taostack.reasonforge.backends.dishonest import CopierBackend, SpammerBackend, TalkativeBackend


def test_the_cast_is_two_validators_and_six_miners_with_names_of_their_own() -> None:
    assert (len(CAST.validators), len(CAST.miners)) == (2, 6)
    assert len(set(CAST.names)) == 8


def test_honest_miners_err_more_from_first_to_last() -> None:
    rates = [role.error_rate for role in CAST.miners if role.honest]
    assert rates == sorted(rates)
    assert len(rates) == 4


def test_every_role_gets_the_engine_of_its_behaviour() -> None:
    kinds = {name: type(engine) for name, engine in backends(CAST, 1).items()}
    assert kinds["copier"] is CopierBackend
    assert kinds["spammer"] is SpammerBackend
    assert {kinds[role.name] for role in CAST.miners if role.honest} == {TalkativeBackend}
