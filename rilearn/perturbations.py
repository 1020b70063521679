"""Changes to a reasoning or a text that faithfulness is measured with: cut short, shuffled, words masked or left out.

Pure functions of strings; what a seed decides is the same on every machine.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence

from rilearn.signals import WORD, content_words, stem, words

Span = tuple[int, int]
"""Where a piece of a text begins and ends, in characters."""

MASK = "…"
"""Stands for a masked word; not a word character, so that no bag of words counts it."""

_END = re.compile(r"""(?P<mark>[.!?…]+)(?P<close>["”'’)\]]*)(?=\s)|[。！？]+[」』”]*""")
_QUOTE = re.compile(r'"[^"]*"|“[^”]*”')
_ABBREVIATIONS = frozenset(("mr", "mrs", "ms", "dr", "st", "prof", "vs", "e.g", "i.e"))
_QUARTERS = 4


def sentences(reasoning: str) -> list[str]:
    """The sentences of `reasoning`, stripped; together they hold all of it.

    A sentence ends at `.`, `!`, `?` or `…` before white space (closing quotes and brackets belong to it), or at the
    full-width marks. It does not end inside double quotes, after an abbreviation or an initial, nor where a small
    letter follows closing quotes, an ellipsis or `etc.`
    """
    pieces, start = [], 0
    for end in [*_ends(reasoning), len(reasoning)]:
        pieces.append(reasoning[start:end].strip())
        start = end
    return [piece for piece in pieces if piece]


def _ends(reasoning: str) -> list[int]:
    quoted = [match.span() for match in _QUOTE.finditer(reasoning)]
    return [
        match.end()
        for match in _END.finditer(reasoning)
        if not any(start < match.end() < end for start, end in quoted) and not _goes_on(reasoning, match)
    ]


def _goes_on(reasoning: str, match: re.Match[str]) -> bool:
    mark, close = match["mark"] or "", match["close"] or ""
    before = (reasoning[: match.start()].split() or [""])[-1].strip("\"“'‘([").lower()
    if mark == "." and not close and (before in _ABBREVIATIONS or (len(before) == 1 and before not in "ia")):
        return before.isalpha() or before in _ABBREVIATIONS
    rest = reasoning[match.end() :].lstrip()
    return rest[:1].islower() and (bool(close) or len(mark) > 1 or mark == "…" or before == "etc")


def prefixes(reasoning: str) -> list[str]:
    """Growing beginnings of `reasoning`, from nothing to all of it (stripped): one more sentence each time.

    A reasoning of one sentence is cut after each quarter of its words instead, or nothing between its ends would show.
    Nothing but the empty string for a reasoning without words.
    """
    whole = reasoning.strip()
    ends = [end for end in _ends(whole) if end < len(whole)]
    if not ends:
        found = [match.end() for match in re.finditer(r"\S+", whole)]
        cuts = {round(len(found) * k / _QUARTERS) for k in range(1, _QUARTERS)} - {0, len(found)}
        ends = [found[cut - 1] for cut in sorted(cuts)]
    return ["", *(whole[:end] for end in ends), *([whole] if whole else [])]


def shuffled(reasoning: str, seed: int) -> str:
    """The words of `reasoning` in another order, drawn with `seed`; the same words, white space made single."""
    drawn = reasoning.split()
    random.Random(f"{seed}\0{reasoning}").shuffle(drawn)
    return " ".join(drawn)


def ungrounded(text: str, reasoning: str) -> str:
    """`reasoning` without the content words it shares with `text`."""
    return without(reasoning, evidence(reasoning, text))


def masked(reasoning: str, labels: Iterable[str]) -> str:
    """`reasoning` with MASK for each word of a label and each word that begins with such a word's root.

    The root is the word without its ending, three letters at least, so that it catches what is derived from it; of
    words in -er also the form without the e (hunger, hungry). It may catch a word too many.
    """
    roots = {stem(word, least=3) for label in labels for word in words(label) if len(word) > 2}
    roots |= {f"{root[:-2]}r" for root in roots if root.endswith("er") and len(root) > 4}
    if not roots:
        return reasoning
    found = tuple(roots)
    return WORD.sub(lambda match: MASK if match[0].lower().startswith(found) else match[0], reasoning)


def evidence(text: str, reasoning: str) -> list[Span]:
    """Where `text` has a content word that `reasoning` names too (by stem): one span a word, in order."""
    shared = content_words(text) & content_words(reasoning)
    # A stop word may share its stem with a content word, so each word is asked by itself.
    return [m.span() for m in WORD.finditer(text) if content_words(m[0]) & shared]


def named(text: str, reasoning: str) -> list[Span]:
    """Where `text` has words that `reasoning` names: its `evidence`, and every word of what it has `quoted`."""
    return sorted({*evidence(text, reasoning), *quoted(text, reasoning)})


def quoted(text: str, reasoning: str, least: int = 1) -> list[Span]:
    """Where `text` has the words of passages that `reasoning` quotes as they stand, if they have `least` words or more.

    Case and apostrophes aside; of a passage that the text holds several times, the first.
    """
    found = [(m.group().lower().replace("'", ""), m.span()) for m in WORD.finditer(text)]
    held, spans = [word for word, _ in found], set[Span]()
    for quote in _QUOTE.findall(reasoning):
        passage = [word.replace("'", "") for word in words(quote.replace("’", "'"))]
        for at in range(len(held) - len(passage) + 1):
            if len(passage) >= max(1, least) and held[at : at + len(passage)] == passage:
                spans |= {span for _, span in found[at : at + len(passage)]}
                break
    return sorted(spans)


def only(text: str, spans: Sequence[Span]) -> str:
    """The pieces at `spans`, with single spaces between."""
    return " ".join(text[start:end] for start, end in spans)


def without(text: str, spans: Sequence[Span]) -> str:
    """`text` without the pieces at `spans`, white space made single."""
    kept, at = "", 0
    for start, end in spans:
        kept += text[at:start]
        at = end
    return " ".join((kept + text[at:]).split())
