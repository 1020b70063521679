"""Simple named signals of a reasoning's quality: pure functions of strings, each between 0 and 1 or a count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
# Words that occur in almost every text of a feelings dataset, or in every reasoning about one, ground nothing.
_EMPTY = frozenset(
    re.split(
        r"\s+",
        "feel feels feeling feelings felt im ive id didnt dont cant wasnt isnt really like just writer message text "
        "person someone something thing things emotion emotions people know think make makes made says said",
    )
)


def words(text: str) -> list[str]:
    """Lower-case words of letters, apostrophes inside."""
    return WORD.findall(text.lower())


def content_words(text: str) -> set[str]:
    """Words that carry content: no stop words, none of the empty words above, three letters or more; stemmed."""
    return {stem(w) for w in words(text) if len(w) > 2 and w not in _stop_words() and w not in _EMPTY}


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # a second to import, and the page opens without

    return frozenset(ENGLISH_STOP_WORDS)


def stem(word: str, least: int = 4) -> str:
    """Cut common English endings, so that `exhausted` meets `exhaustion`. Crude on purpose: some pairs miss.

    At least `least` letters stay.
    """
    for ending in (
        "ingly",
        "edly",
        "ation",
        "ness",
        "ment",
        "ing",
        "ies",
        "ied",
        "ful",
        "ion",
        "ed",
        "ly",
        "es",
        "s",
        "e",
        "y",
    ):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            return word[: -len(ending)]
    return word


def grounding(text: str, reasoning: str, label: str = "") -> int:
    """How many content words of the text the reasoning names; words of the label do not count."""
    return len((content_words(text) & content_words(reasoning)) - content_words(label))


_QUOTE = re.compile(r'["“]([^"“”]+)["”]')
_APOSTROPHE = re.compile("['’]")


def misquoted(text: str, reasoning: str) -> list[str]:
    """The passages in double quotes that the text does not hold (case, apostrophes and end punctuation aside)."""

    def plain(words_of: str) -> str:
        return " ".join(words(_APOSTROPHE.sub("", words_of)))

    held = f" {plain(text)} "
    return [q for q in _QUOTE.findall(reasoning) if (said := plain(q)) and f" {said} " not in held]


def misquotes(text: str, reasoning: str) -> int:
    """How many they are."""
    return len(misquoted(text, reasoning))


def repetition(reasoning: str) -> float:
    """Share of the reasoning's word trigrams that occurred before in it (0: none)."""
    found = words(reasoning)
    grams = list(zip(found, found[1:], found[2:], strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def restates(reasoning: str, label: str, text: str) -> bool:
    """Whether nothing is left once the words of the label and the empty words go: a mere restatement or definition."""
    return not (content_words(reasoning) - content_words(label)) or grounding(text, reasoning, label) == 0


def names_other(reasoning: str, label: str, labels: Iterable[str]) -> bool:
    """Whether the reasoning names a label of the task but not this one."""
    found = set(words(reasoning))
    named = {other for other in labels if set(words(other)) <= found}
    return bool(named) and label not in named


def distinct(reasonings: Iterable[str]) -> float:
    """Share of different strings (0 of none)."""
    found = list(reasonings)
    return len(set(found)) / len(found) if found else 0.0


def measured(text: str, label: str, reasoning: str, labels: Iterable[str]) -> dict[str, float]:
    """All signals of one reasoning by name; yes and no are True and False."""
    return {
        "grounding": grounding(text, reasoning, label),
        "misquotes": misquotes(text, reasoning),
        "repetition": repetition(reasoning),
        "words": len(reasoning.split()),
        "restates": restates(reasoning, label, text),
        "names_label": set(words(label)) <= set(words(reasoning)),
        "names_other": names_other(reasoning, label, labels),
    }


def quality(found: Mapping[str, float]) -> float:
    """A score out of `measured`: grounded in up to four words of the text, then naming the label, then short.

    More than four words of the text is copying, not pointing.
    """
    return min(found["grounding"], 4) + 1.5 * found["names_label"] - 0.03 * found["words"] - found["repetition"]
