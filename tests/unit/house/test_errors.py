"""Every error that can be raised on purpose has a code and a remedy, and the documentation knows it."""

import re
from collections import Counter
from pathlib import Path

import pytest

from taostack.process.errors import TaostackError
from tools.errors_page import all_errors, page

ROOT = Path(__file__).parents[3]
ERRORS = all_errors()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_has_a_code_a_remedy_and_a_sentence(error: type[TaostackError]) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", error.code), "words joined by dashes"
    assert error.remedy
    assert error.__doc__


def test_no_two_errors_share_a_code() -> None:
    own = Counter(error.code for error in ERRORS if "code" in vars(error))
    assert [code for code, times in own.items() if times > 1] == []


def test_the_documentation_lists_every_error() -> None:
    shown = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert shown == page(ERRORS), "write it anew: python -m tools.errors_page"
