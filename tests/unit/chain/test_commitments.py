"""Commitments as the SDK hands them over, in all their shapes."""

from types import SimpleNamespace

import pytest

from taostack.chain.commitments import read_commitment


def record(fields, value=None, status="plain"):
    return SimpleNamespace(hotkey="hk", uid=3, block=9, fields=fields, value=value, status=status)


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        ([{"Raw5": "0x68656c6c6f"}], b"hello"),
        ([{"Raw5": "hello"}], b"hello"),
        ([{"Raw5": b"hello"}], b"hello"),
        ([{"Raw2": "0xzz"}], b"0xzz"),
        ([{"Raw2": "he"}, {"Raw3": "llo"}], b"hello"),
        (["None"], b""),
        ([], b""),
    ],
)
def test_the_bytes_in_the_clear_come_out_whole(fields, data):
    assert read_commitment(record(fields)).data == data


def test_a_revealed_payload_is_what_can_be_read():
    found = read_commitment(record([{"TimelockEncrypted": {"reveal_round": 1}}], "secret", "revealed"))
    assert (found.data, found.status) == (b"secret", "revealed")


def test_a_sealed_payload_shows_nothing():
    found = read_commitment(record([{"TimelockEncrypted": {"reveal_round": 1}}], None, "sealed"))
    assert (found.data, found.status) == (b"", "sealed")
