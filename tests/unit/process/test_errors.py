import pytest

from taostack.process.errors import (
    CorruptError,
    PortTakenError,
    RefusedError,
    SettingsError,
    StateError,
    TaostackError,
    UnavailableError,
    UsageError,
)

TREE = [UsageError, SettingsError, PortTakenError, UnavailableError, RefusedError, CorruptError, StateError]


def test_the_line_shows_code_message_and_remedy() -> None:
    assert UsageError("bad input").line() == "error[usage]: bad input (see --help)"


def test_what_another_program_said_over_several_lines_is_shown_in_one() -> None:
    assert UsageError("refused\n\tIs it running?").line() == "error[usage]: refused Is it running? (see --help)"


def test_an_instance_may_give_a_more_exact_remedy_and_leaves_its_class_alone() -> None:
    error = RefusedError("no", remedy="ask the owner")
    assert error.line() == "error[refused]: no (ask the owner)"
    assert RefusedError.remedy != "ask the owner"


def test_a_taken_port_names_address_and_listener() -> None:
    error = PortTakenError("127.0.0.1", 9944, "devnet")
    assert "9944" in str(error)
    assert "devnet" in str(error)
    assert (error.host, error.port) == ("127.0.0.1", 9944)


@pytest.mark.parametrize("kind", TREE)
def test_every_kind_is_a_taostack_error_with_a_code_and_a_remedy_of_its_own(kind: type[TaostackError]) -> None:
    assert issubclass(kind, TaostackError)
    assert kind.code != TaostackError.code
    assert kind.remedy
    assert kind.exit_code == 2


def test_settings_and_ports_are_usage_errors() -> None:
    assert issubclass(SettingsError, UsageError)
    assert issubclass(PortTakenError, UsageError)
