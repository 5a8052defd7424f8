"""Canonical answer types with strict, bounded parsers."""

from taostack.reasonforge.tasks.answers.types import (
    AnswerSchema,
    AnswerType,
    Value,
    canonical_text,
    check_answer,
    parse_answer,
)

__all__ = ["AnswerSchema", "AnswerType", "Value", "canonical_text", "check_answer", "parse_answer"]
