"""Similarity of two submissions: Jaccard over words and word 3-grams (specification section 5.5).

Per-hotkey variants make copying worthless before this rule is asked, so it
only factors Q, A and N of submissions that are near-identical anyway.
"""

import math
from collections.abc import Sequence

from taostack.reasonforge.rules import DEFAULT, Rules


def tokens(steps: Sequence[str], answer: str) -> frozenset[str]:
    """Lower-cased words and word 3-grams of each step, and the words of the answer."""
    found: set[str] = set(answer.lower().split())
    for step in steps:
        words = step.lower().split()
        found.update(words)
        found.update(" ".join(words[start : start + 3]) for start in range(len(words) - 2))
    return frozenset(found)


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """|A∩B| / |A∪B|, in [0, 1]; two empty sets have nothing in common: 0."""
    union = len(first | second)
    return len(first & second) / union if union else 0.0


def similarity_factor(similarity: float, *, rules: Rules = DEFAULT) -> float:
    """The factor on Q, A and N (not on Eff): 0.5 strictly above the threshold, else 1."""
    if math.isfinite(similarity) and similarity > rules.similarity_threshold:
        return rules.similarity_factor
    return 1.0
