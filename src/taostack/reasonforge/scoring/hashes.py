"""Submission hashes: the canonical commitment, and the two ambiguous older ones.

The older ones exist so that old records can be checked; neither says where one
field ends and the next begins.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

_DOMAIN_TAG = b"rf-sub-v1"


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: object) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces; floats and non-finite numbers have no place in it."""
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a float has more than one text, so it is not hashed; write it as a string")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


def submission_commitment(
    *,
    task_id: str,
    hotkey: str,
    steps: Sequence[str],
    final_answer: str,
    proof_digest: str = "",
    code_digest: str = "",
    nonce: str = "",
) -> str:
    """Section 2.3: SHA-256 of the tag ``rf-sub-v1`` and the canonical JSON of all fields; lower-case hex.

    Sent before the deadline and opened after it, it proves who was first.
    """
    body = {
        "task_id": task_id,
        "hotkey": hotkey,
        "steps": list(steps),
        "final_answer": final_answer,
        "proof_digest": proof_digest,
        "code_digest": code_digest,
        "nonce": nonce,
    }
    return _hex(_DOMAIN_TAG + canonical_json(body))


def mvp_submission_hash(task_id: str, miner_id: str, final_answer: str, reasonings: Sequence[str]) -> str:
    """The first simulator's hash: SHA-256 of the parts joined by ``:`` (ambiguous if a part holds one)."""
    return _hex(":".join([task_id, miner_id, final_answer, *reasonings]).encode())


def requirement_submission_hash(steps: Sequence[Mapping[str, Any]], final_answer: str) -> str:
    """The requirement's hash: SHA-256 of Python's default JSON of the steps, then the answer."""
    return _hex((json.dumps(list(steps)) + final_answer).encode())


def upstream_submission_hash(task_id: str, steps: Sequence[Mapping[str, Any]], final_answer: str) -> str:
    """The public code's hash: task id, JSON of the steps with sorted keys, and answer, joined by ``:``."""
    return _hex(":".join([task_id, json.dumps(list(steps), sort_keys=True), final_answer]).encode())
