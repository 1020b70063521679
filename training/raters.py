"""Simulated annotators: a stated, seeded rule with noise and bias in place of people. Always called simulated.

What they know of emotions is a bag of words (TF-IDF with logistic regression) over texts nobody rates or measures on.
Their guideline: a good reasoning quotes the words that tell, as they stand, a few in a row. A reasoning is good if what
it quotes so tells the label to that bag of words, if it quotes nothing that is not there, does not repeat itself and
names no other label. Noise turns a verdict round; each bias bends the rule one way. A correction keeps the words of a
reasoning but quotes about a clause, the one that tells most.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rilearn.perturbations import only, quoted
from rilearn.records import Example, Rating, Verdict
from rilearn.signals import WORD, content_words, measured, words
from training.bag_of_words import BagOfWords

Bias = Literal["none", "lenient", "strict", "short"]
"""lenient overlooks misquotes, strict wants the words to tell more surely, short finds more than 20 words poor."""
SHORTEST = 4
"""Words that a good reasoning quotes in a row: fewer lose what stands beside the telling word, a negation say."""
CLAUSE = range(7, 10)
"""Words that they quote themselves in a correction, about a clause."""
OPENS = "feel"
"""A quotation may well begin where the writer comes to what they feel."""
_QUOTE = re.compile(r'"[^"]*"')


def clause(known: BagOfWords, text: str, label: str) -> str:
    """Of all runs of CLAUSE words that are nearly as sure of the label as the surest, one that begins with a word
    which stands in the text once, and with OPENS or a word with content; then the shortest, and one that ends on a
    word with content. The whole of a text with fewer words."""
    spans = [match.span() for match in WORD.finditer(text)]
    runs = [text[spans[at][0] : spans[at + size - 1][1]] for size in CLAUSE for at in range(len(spans) - size + 1)] or [
        text
    ]
    sure = known.shares(runs, [label] * len(runs))
    near = [run for run, share in zip(runs, sure, strict=True) if share >= 0.9 * max(sure)]
    held = words(text)

    def order(run: str) -> tuple[bool, bool, int, bool]:
        said = words(run) or [""]
        opens = said[0].startswith(OPENS) or bool(content_words(said[0]))
        return held.count(said[0]) > 1, not opens, len(said), not content_words(said[-1])

    return min(near, key=order)


def requoted(reasoning: str, passage: str) -> str | None:
    """`reasoning` quoting `passage` first and nothing else (other quotation marks go); None: it quotes nothing."""
    quotes = iter([f'"{passage}"'])
    changed = _QUOTE.sub(lambda match: next(quotes, match[0].strip('"')), reasoning)
    return None if next(quotes, None) else changed


@dataclass(frozen=True)
class Judgement:
    """A simulated rating, and how much the annotator likes the reasoning (higher is better; orders drafts)."""

    rating: Rating
    liking: float


@dataclass(frozen=True)
class Annotator:
    """One simulated annotator. `noise`: the probability that a verdict is turned round."""

    name: str
    bias: Bias = "none"
    noise: float = 0.1

    def judge(
        self, known: BagOfWords, example: Example, reasonings: Sequence[str], labels: Sequence[str]
    ) -> list[Judgement]:
        """A rating for each reasoning of one example; the same again for the same annotator, text and reasoning."""
        label = example.label or ""
        passages = [only(example.text, quoted(example.text, r, SHORTEST)) for r in reasonings]
        sure = known.shares(passages, [label] * len(passages))
        told = [share if passage else 0.0 for passage, share in zip(passages, sure, strict=True)]
        return [self._one(example, r, share, labels) for r, share in zip(reasonings, told, strict=True)]

    def _one(self, example: Example, reasoning: str, told: float, labels: Sequence[str]) -> Judgement:
        label = example.label or ""
        found = measured(example.text, label, reasoning, labels)
        bound = 0.7 if self.bias == "strict" else 0.5
        honest = found["misquotes"] == 0 or self.bias == "lenient"
        about = found["grounding"] > 0
        leads = about and told >= bound and not found["names_other"]
        clear = honest and found["repetition"] <= 0.2 and found["words"] <= (20 if self.bias == "short" else 32)
        good = about and leads and clear
        liking = told * about + 0.5 * clear + 0.25 * leads - 0.004 * found["words"]  # at most 1.75
        rng = random.Random(f"{self.name}\0{example.text}\0{label}\0{reasoning}")
        verdict: Verdict = "good" if good != (rng.random() < self.noise) else "poor"
        criteria = {"about_text": about, "leads_to_label": leads, "true_and_clear": clear}
        rating = Rating(verdict, overall=min(5, max(1, round(1 + 4 * liking / 1.75))), criteria=criteria)
        return Judgement(rating, liking)
