"""Typed settings over whatever the runtime lists."""

import pytest

from taostack.chain.errors import AnswerShapeError
from taostack.chain.records import Commitment, Hyperparameters

VALUES = {
    "tempo": 360,
    "min_allowed_weights": 8,
    "max_weights_limit": 655,
    "weights_version": 3,
    "weights_rate_limit": 100,
    "commit_reveal_weights_enabled": True,
    "commit_reveal_period": 2,
    "serving_rate_limit": 50,
    "immunity_period": 5000,
    "activity_cutoff": 4999,
    "max_validators": 64,
    "registration_allowed": False,
}


def test_each_setting_has_its_name_and_type():
    settings = Hyperparameters(1, 10, VALUES)
    assert (settings.tempo, settings.min_allowed_weights, settings.max_weight_limit) == (360, 8, 655)
    assert (settings.weights_version, settings.weights_rate_limit, settings.commit_reveal_period) == (3, 100, 2)
    assert (settings.serving_rate_limit, settings.immunity_period, settings.activity_cutoff) == (50, 5000, 4999)
    assert settings.max_validators == 64
    assert settings.commit_reveal is True
    assert settings.registration_allowed is False


@pytest.mark.parametrize("values", [{}, {"tempo": None}, {"tempo": "soon"}])
def test_a_setting_that_the_runtime_no_longer_lists_is_an_error_not_a_default(values):
    with pytest.raises(AnswerShapeError, match="tempo"):
        _ = Hyperparameters(1, 10, values).tempo


def test_a_commitment_that_is_no_text_still_shows():
    assert Commitment("hk", 1, 2, b"\xffok", "plain").text == "\ufffdok"
