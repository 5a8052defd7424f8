import io
import json
import logging

import pytest

from taostack.process.clock import ManualClock
from taostack.process.errors import SettingsError
from taostack.process.logs import bound, configure, get_logger


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_holds_event_fields_level_logger_and_time() -> None:
    stream = io.StringIO()
    configure(format="json", stream=stream, clock=ManualClock(start_ms=0))
    get_logger("taostack.test").bind(netuid=1).info("axon.started", port=8091)
    assert lines(stream) == [
        {
            "event": "axon.started",
            "netuid": 1,
            "port": 8091,
            "level": "info",
            "logger": "taostack.test",
            "timestamp": "1970-01-01T00:00:00.000Z",
        }
    ]


def test_bound_fields_are_on_every_event_inside_the_block_only() -> None:
    stream = io.StringIO()
    configure(format="json", stream=stream)
    log = get_logger("taostack.test")
    with bound(epoch=7):
        log.info("inside")
    log.info("outside")
    assert [each.get("epoch") for each in lines(stream)] == [7, None]


def test_records_of_other_libraries_take_the_same_form() -> None:
    stream = io.StringIO()
    configure(format="json", stream=stream)
    logging.getLogger("other").warning("%s of %s", 1, 2)
    assert lines(stream)[0]["event"] == "1 of 2"
    assert lines(stream)[0]["logger"] == "other"


def test_events_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    configure(level="WARNING", format="json", stream=stream)
    log = get_logger("taostack.test")
    log.info("small")
    log.warning("large")
    assert [each["event"] for each in lines(stream)] == ["large"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_the_error_but_no_local_variable(form: str) -> None:
    stream = io.StringIO()
    configure(format=form, stream=stream)
    mnemonic = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
    try:
        int(mnemonic[:0])
    except ValueError:
        get_logger("taostack.test").exception("failed")
    assert "ValueError" in stream.getvalue()
    assert "curtain" not in stream.getvalue()


def test_values_that_json_does_not_know_are_written_as_text() -> None:
    stream = io.StringIO()
    configure(format="json", stream=stream)
    get_logger("taostack.test").info("odd", value=pytest)
    assert "pytest" in str(lines(stream)[0]["value"])


def test_configuring_again_replaces_what_the_last_call_set_up() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure(format="json", stream=first)
    configure(format="json", stream=second)
    get_logger("taostack.test").info("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_the_console_form_goes_to_the_stderr_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    get_logger("taostack.test").info("hello", a=1)
    assert "hello" in capsys.readouterr().err


def test_a_stream_that_was_closed_does_not_take_the_process_with_it() -> None:
    stream = io.StringIO()
    configure(format="json", stream=stream)
    stream.close()
    get_logger("taostack.test").info("unheard")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [({"level": "inof"}, "did you mean 'info'?"), ({"format": "xml"}, "use one of console, json")],
)
def test_an_unknown_level_or_format_is_a_settings_error(arguments: dict[str, str], hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        configure(**arguments)
    assert caught.value.remedy == hint
