"""What the SDK raises, told apart: the endpoint's fault, or the chain's answer."""

import pytest
from bittensor._transport.errors import BlockNotFound, StateDiscardedError, SubstrateRequestException
from bittensor.result import ChainError, ConnectionNotReady, ErrorCode, RpcConnectionError, RpcPolicyError

from taostack.chain.errors import (
    AnswerShapeError,
    BlockUnknownError,
    ChainRefusedError,
    InsufficientFundsError,
    NotRegisteredError,
    RateLimitedError,
    SubnetUnknownError,
)
from taostack.chain.sdk import NETWORKS, endpoints_of, is_transport_failure, rpc_error_code, translate


def rpc_error(code: int, message: str = "Invalid Transaction", data: str = "") -> SubstrateRequestException:
    return SubstrateRequestException({"error": {"code": code, "message": message, "data": data}})


def chain_error(cause: Exception, name: str | None = None) -> ChainError:
    error = ChainError(str(cause), name)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        OSError("no route"),
        TimeoutError(),
        RpcConnectionError("gone"),
        RpcPolicyError("too many", status_code=429),
        ConnectionNotReady("closed"),
        SubstrateRequestException("RPC session closed"),
        chain_error(SubstrateRequestException("Connection dropped while in flight")),
        chain_error(OSError("broken pipe")),
    ],
)
def test_a_dead_endpoint_is_recognised_in_every_guise(error):
    assert is_transport_failure(error)


@pytest.mark.parametrize(
    "error",
    [
        rpc_error(1010),
        chain_error(rpc_error(1010)),
        ChainError("Subnet does not exist", "SubnetNotExists"),
        BlockNotFound("no block at height 9"),
        chain_error(StateDiscardedError("0xaa")),
        KeyError("hotkeys"),
    ],
)
def test_the_chains_own_answer_is_no_dead_endpoint(error):
    assert not is_transport_failure(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ChainError("", "SubnetNotExists"), SubnetUnknownError),
        (ChainError("", "HotKeyNotRegisteredInSubNet"), NotRegisteredError),
        (ChainError("", "NotEnoughBalanceToStake"), InsufficientFundsError),
        (ChainError("", "SettingWeightsTooFast"), RateLimitedError),
        (ChainError("slow down", code=ErrorCode.RATE_LIMITED), RateLimitedError),
        (ChainError("", "NeuronNoValidatorPermit"), ChainRefusedError),
        (ChainError("whatever"), ChainRefusedError),
        (chain_error(StateDiscardedError("0xaa")), BlockUnknownError),
        (BlockNotFound("no block"), BlockUnknownError),
        (KeyError("hotkeys"), AnswerShapeError),
        (rpc_error(1010), ChainRefusedError),
    ],
)
def test_a_refusal_becomes_the_error_that_says_what_to_do(error, kind):
    found = translate(error, "a request")
    assert type(found) is kind
    assert "a request" in str(found)
    assert found.remedy


def test_a_refusal_keeps_the_chains_own_word():
    found = translate(ChainError("Weights set too fast", "SettingWeightsTooFast"), "set weights")
    assert isinstance(found, ChainRefusedError)
    assert found.name == "SettingWeightsTooFast"
    assert "SettingWeightsTooFast" in str(found)


def test_the_number_of_a_pool_error_is_found_under_the_sdks_wrapping():
    assert rpc_error_code(rpc_error(1013)) == 1013
    assert rpc_error_code(chain_error(rpc_error(1014))) == 1014
    assert rpc_error_code(OSError()) is None
    assert rpc_error_code(SubstrateRequestException("text")) is None


def test_network_names_and_urls_become_endpoints_once_each_in_order():
    assert endpoints_of("ws://a:1, local,ws://a:1") == ("ws://a:1", *NETWORKS["local"])
    assert endpoints_of("finney") == NETWORKS["finney"]
    with pytest.raises(KeyError):
        endpoints_of("fin")
