"""Rendering and parsing of the three prompts, side by side: rationale (Q, A -> R), direct (Q -> A), reasoned (Q -> RA).

Every prompt is a few lines of `Name: value`, each value on one line. `clean` keeps it so: a user's text cannot open
a line of its own nor spell a control token, so neither the template nor the parser can be steered by it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from rilearn.records import Prompt
from rilearn.tasks import Task

PROMPT_VERSION = "1"
"""Stored in every adapter's manifest. Raise it with any change to what the functions below render."""

REASONING = "Reasoning"
_BREAKERS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TAG = re.compile(r"<(?=\S)")
_INVISIBLE = {"Cf", "Cs", "Co", "Cn"}
_KEEP = {"\u200d", "\u200c"}  # joiners: emoji families, Persian and Indic spelling


def clean(text: str) -> str:
    """One line, NFC, no control or invisible format characters, and no `<` directly before a character.

    The last breaks every control token in use (`<|im_end|>`, `<s>`, `<repo_name>`): they all open with `<`.
    Total and idempotent: any string gives a string, and cleaning twice changes nothing.
    """
    if not text.isprintable():  # most texts are, and nothing in them is of an invisible kind
        text = "".join(c for c in text if c in _KEEP or unicodedata.category(c) not in _INVISIBLE)
    text = _BREAKERS.sub(" ", unicodedata.normalize("NFC", text)).strip()
    return _TAG.sub("< ", text)


def text_key(text: str) -> str:
    """What makes two texts the same text."""
    return clean(text).casefold()


@dataclass(frozen=True)
class Templates:
    """The prompts of one task in one style. `chat` puts the question in the model's own chat template."""

    task: Task
    chat: bool = False

    def direct(self, text: str) -> Prompt:
        """Q -> A: continue with ` label`."""
        return self._prompt(f"{self.task.text_name}: {clean(text)}", f"{self.task.label_name}:")

    def reasoned(self, text: str) -> Prompt:
        """Q -> RA: continue with ` reasoning`, a line break, and `label_name: label`."""
        return self._prompt(f"{self.task.text_name}: {clean(text)}", f"{REASONING}:")

    def answer(self, text: str, reasoning: str) -> Prompt:
        """The reasoned prompt with its reasoning filled in, up to where the label comes."""
        start = f"{REASONING}: {clean(reasoning)}\n{self.task.label_name}:"
        return self._prompt(f"{self.task.text_name}: {clean(text)}", start)

    def rationale(self, question: str, answer: str, opening: str = "") -> Prompt:
        """Q, A -> R on general data; `opening` begins the reasoning for the model."""
        start = f"{REASONING}: {clean(opening)}" if opening else f"{REASONING}:"
        return self._prompt(f"Question: {clean(question)}\nAnswer: {clean(answer)}", start)

    def task_rationale(self, text: str, label: str, opening: str = "") -> Prompt:
        """Q, A -> R asked about a row of the task."""
        return self.rationale(self.task.rationale_question.replace("{text}", clean(text)), label, opening)

    def choices(self) -> list[str]:
        """The labels as continuations of `direct` and `answer`, in the task's order."""
        return [f" {label}" for label in self.task.labels]

    def direct_completion(self, label: str) -> str:
        return f" {label}"

    def reasoned_completion(self, reasoning: str, label: str) -> str:
        return f" {clean(reasoning)}\n{self.task.label_name}: {label}"

    def guessed(self, text: str, guess: str, reasoning: str | None = None) -> Prompt:
        """Guess, think, answer: the direct prompt with its label filled in, up to the reasoning, or past it."""
        start = f"{self.task.label_name}: {guess}\n{REASONING}:"
        if reasoning is not None:
            start += f" {clean(reasoning)}\n{self.task.label_name}:"
        return self._prompt(f"{self.task.text_name}: {clean(text)}", start)

    def explained_completion(self, reasoning: str) -> str:
        """What follows a label that is explained afterwards."""
        return f"\n{REASONING}: {clean(reasoning)}"

    def rationale_completion(self, reasoning: str) -> str:
        return f" {clean(reasoning)}"

    def _prompt(self, question: str, start: str) -> Prompt:
        if self.chat:
            return Prompt(text=question, prefix=start, chat=True)
        return Prompt(text=f"{question}\n{start}")


def parse_label(completion: str, task: Task) -> str | None:
    """The label that `completion` (a continuation of the direct prompt) names, or None. Total."""
    line = completion.strip().split("\n", 1)[0].strip().rstrip(".").lower()
    return next((label for label in task.labels if label.lower() == line), None)


def parse_reasoned(completion: str, task: Task) -> tuple[str, str | None]:
    """Split a continuation of the reasoned prompt into (reasoning, label or None). Total.

    The reasoning is the first line, the label stands behind `label_name:` at the start of the second: only a real
    line break parts them, and `clean` took those out of anything a user wrote.
    """
    reasoning, _, rest = completion.partition("\n")
    head = f"{task.label_name}:"
    rest = rest.strip()
    return reasoning.strip(), parse_label(rest[len(head) :], task) if rest.startswith(head) else None
