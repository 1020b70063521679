"""Faithfulness over a fake engine that weighs cue words: each intervention does what it says, in few calls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rilearn.adapters import load_adapter
from rilearn.classify import Classifier
from rilearn.errors import DataError
from rilearn.faithfulness import (
    MASKED,
    OTHER,
    REMOVED,
    SAME,
    SHUFFLED,
    UNGROUNDED,
    Explained,
    corrupted,
    early_answering,
    masked_labels,
    report,
    reports,
    swapped,
    top,
    without_reasoning,
)
from rilearn.faithfulness_summary import in_words, summary
from rilearn.leak import leak_probe
from rilearn.perturbations import MASK, evidence, masked, only, prefixes, sentences, shuffled, ungrounded, without
from rilearn.prompts import Templates
from rilearn.records import AdapterRef, Prompt
from rilearn.tasks import load_task
from tests.conftest import FakeEngine

TASK = load_task("emotion")
CUES = {"sadness": ("quiet", "sad", "tears"), "joy": ("sunny", "joy", "smile"), "fear": ("dark", "fear", "alone")}
TEXT = "a sunny day but the house is so quiet"


class CueEngine(FakeEngine):
    """A label's score: 1 for each cue word in the text, 3 for each in the reasoning. Counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        self.calls.append(len(prompts))
        self.prompts.extend(p.text for p in prompts)
        rows = []
        for prompt in prompts:
            text, _, reasoning = prompt.text.rpartition("\n")[0].partition("\nReasoning:")
            cues = [CUES.get(choice.strip(), ()) for choice in choices]
            rows.append([float(sum(text.count(c) + 3 * reasoning.count(c) for c in own)) for own in cues])
        return rows


@pytest.fixture
def cues() -> CueEngine:
    return CueEngine()


@pytest.fixture
def classifier(cues: CueEngine, adapters: Path) -> Classifier:
    return Classifier(cues, Templates(TASK), load_adapter(adapters / "q-ra"))


OTHERS = [
    Explained("rain", "Only tears fall here.", "sadness"),
    Explained("night", "It is dark and they fear it.", "fear"),
    Explained(TEXT, "A dark lie.", "fear"),
]


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        ('They write "i quit. i go." That is hard.', ['They write "i quit. i go."', "That is hard."]),
        ("Mr. Bell left. J. Doe too... then he slept.", ["Mr. Bell left.", "J. Doe too... then he slept."]),
        ('"Stop." is all he says, e.g. now. So am I. End', ['"Stop." is all he says, e.g. now.', "So am I.", "End"]),
        ("all small. no capital? yes!", ["all small.", "no capital?", "yes!"]),
        ('An odd " mark. More.', ['An odd " mark.', "More."]),
        ("她很累。他走了。", ["她很累。", "他走了。"]),
        ("Version 3.5 is out.", ["Version 3.5 is out."]),
        ("  ", []),
    ],
)
def test_sentences(reasoning: str, expected: list[str]) -> None:
    assert sentences(reasoning) == expected


def test_prefixes_by_sentence_and_else_by_quarters_of_words() -> None:
    assert prefixes("One. Two. Three.") == ["", "One.", "One. Two.", "One. Two. Three."]
    assert prefixes("a b c d e f g h") == ["", "a b", "a b c d", "a b c d e f", "a b c d e f g h"]
    assert prefixes(" a ") == ["", "a"] and prefixes(" ") == [""]


def test_masked_takes_labels_and_what_is_derived_from_them() -> None:
    said = "Angry, saddened and joyful; she loved it, and enjoys a feast"
    assert masked(said, TASK.labels) == f"{MASK}, {MASK} and {MASK}; she {MASK} it, and enjoys a feast"
    assert masked("A bill for delivered goods", ["billing question", "delivery"]) == f"A {MASK} for {MASK} goods"
    assert masked("as it is", []) == "as it is"


def test_shuffled_keeps_the_words_and_hangs_on_the_seed() -> None:
    said = "one two three four five six seven"
    assert sorted(shuffled(said, 0).split()) == sorted(said.split())
    assert shuffled(said, 0) == shuffled(said, 0) != shuffled(said, 1)


def test_evidence_is_where_the_text_is_named() -> None:
    text = "I miss her; the HOUSE is so quiet (quietly)."
    spans = evidence(text, "The quiet house, missed.")
    assert [text[a:b] for a, b in spans] == ["miss", "HOUSE", "quiet", "quietly"]
    assert only(text, spans) == "miss HOUSE quiet quietly"
    assert without(text, spans) == "I her; the is so ()."
    assert ungrounded(text, "A quiet house is sad.") == "A is sad."
    assert evidence(text, "") == [] and without(text, []) == text


def test_early_answering_starts_without_and_ends_with_all(classifier: Classifier, cues: CueEngine) -> None:
    steps = early_answering(classifier, TEXT, "The day is sunny. But it is quiet. There were tears.")
    assert [start for start, _ in steps] == prefixes("The day is sunny. But it is quiet. There were tears.")
    assert [top(p) for _, p in steps[1:]] == ["joy", "sadness", "sadness"]
    assert top(steps[-1][1]) == "sadness" and len(cues.calls) == 1
    assert steps[0][1] == without_reasoning(classifier, TEXT)
    assert cues.prompts[0] == f"Text: {TEXT}\nEmotion:"
    assert cues.prompts[3].endswith("But it is quiet. There were tears.\nEmotion:")


def test_single_interventions(classifier: Classifier, cues: CueEngine) -> None:
    assert top(swapped(classifier, TEXT, "It is dark.")) == "fear"
    assert top(masked_labels(classifier, TEXT, "Such fear, so sunny")) == "joy"
    assert MASK in cues.prompts[-1]
    corrupted(classifier, TEXT, "one two three four five", seed=4)
    assert shuffled("one two three four five", 4) in cues.prompts[-1]


def test_report_puts_it_together_in_two_calls(classifier: Classifier, cues: CueEngine) -> None:
    found = report(classifier, TEXT, "It is quiet and sad.", OTHERS)
    assert len(cues.calls) == 2 and len(set(cues.prompts)) == len(cues.prompts)
    assert found.answer == "sadness" and set(found.edits) == {REMOVED, SHUFFLED, UNGROUNDED, MASKED, SAME, OTHER}
    assert found.edits[UNGROUNDED].reasoning == "It is and sad." and MASK in found.edits[MASKED].reasoning
    assert (found.edits[SAME].label, found.edits[OTHER].label) == ("sadness", "fear")
    assert found.edits[OTHER].reasoning == OTHERS[1].reasoning  # not the one of the same text
    assert top(found.edits[OTHER].probabilities) == "fear"
    assert [TEXT[a:b] for a, b in found.spans] == ["quiet"]
    assert top(found.only) == "sadness" and top(found.rest) == "joy"
    assert found.sufficiency == pytest.approx(found.whole["sadness"] - found.only["sadness"]) and found.sufficiency < 0
    assert found.comprehensiveness is not None and found.comprehensiveness > 0.1


def test_many_reports_take_as_few_calls_and_are_the_same(classifier: Classifier, cues: CueEngine) -> None:
    rows = [(TEXT, "It is quiet and sad."), ("dark room", "They sit alone."), ("nothing", "Words.")]
    found = reports(classifier, rows, OTHERS)
    assert len(cues.calls) == 2
    assert found == [report(classifier, text, reasoning, OTHERS) for text, reasoning in rows]
    assert found[2].only == {} and found[2].sufficiency is None and found[2].comprehensiveness is None
    assert reports(classifier, [], OTHERS) == []


def test_a_reader_judges_the_evidence_in_one_call_of_its_own(classifier: Classifier, cues: CueEngine) -> None:
    engine = CueEngine()
    found = report(classifier, TEXT, "It is quiet.", OTHERS, reader=replace(classifier, engine=engine))
    assert engine.calls == [3] and len(cues.calls) == 2
    assert engine.prompts == [f"Text: {t}\nEmotion:" for t in (TEXT, "quiet", "a sunny day but the house is so")]
    assert found == report(classifier, TEXT, "It is quiet.", OTHERS)


def test_without_others_the_swaps_are_left_out(classifier: Classifier, cues: CueEngine) -> None:
    found = report(classifier, TEXT, "quiet", [])
    assert not {SAME, OTHER} & set(found.edits) and SHUFFLED not in found.edits  # one word has one order
    assert len(cues.calls) == 1


def test_empty_reasoning(classifier: Classifier, cues: CueEngine) -> None:
    found = report(classifier, TEXT, " ", OTHERS)
    assert cues.prompts[0] == Templates(TASK).answer(TEXT, "").text  # as the classifier itself answers then
    assert len(found.early) == 1 and "wrote no reasoning" in in_words(found)


@pytest.mark.parametrize(
    ("text", "reasoning", "others", "words"),
    [
        ("a sunny day", "It is dark.", OTHERS[:1], "Without the reasoning the answer would have been joy"),
        ("a sunny day", "It is dark.", OTHERS[:1], "the reasoning changed it."),
        ("a sunny day", "It is dark.", [Explained("x", "dark", "joy")], "what it says need not be the cause"),
        ("a day", "The sunny smile.", [], "Without the reasoning the answer would have been sadness (17 %)"),
        ("sunny", "The sunny smile.", [], "joy without the reasoning, but less surely (35 % instead of 100 %)"),
        (
            "sunny " * 4,
            "They write of tears.",
            [],
            "but more surely (92 % instead of 69 %): the reasoning made the model",
        ),
        ("sunny " * 9, "They smile.", [], "joy without the reasoning (100 %): it explains, but did not decide."),
        ("sunny " * 4, "They smile.", [Explained("x", "dark dark", "fear")], "would have turned the answer to fear."),
    ],
)
def test_in_words(classifier: Classifier, text: str, reasoning: str, others: list[Explained], words: str) -> None:
    assert words in in_words(report(classifier, text, reasoning, others)).replace("\u00a0", " ")


def test_summary_counts(classifier: Classifier) -> None:
    rows = [("a sunny day", "It is dark."), ("sunny smile " * 4, "They smile."), ("nothing", "Only joy.")]
    found = summary(reports(classifier, rows, OTHERS), ["fear", "joy", "joy"])
    json.dumps(found)
    removed = found["interventions"][REMOVED]
    assert (removed["n"], removed["changed"]) == (3, 2) and removed["rate"] == pytest.approx(2 / 3)
    assert removed["interval"][0] < removed["rate"] < removed["interval"][1] and removed["drop"] > 0.3
    assert found["interventions"][MASKED]["n"] == 1  # only one of them names a label
    assert found["interventions"][OTHER]["followed"] == pytest.approx(2 / 3)
    assert found["evidence"]["n"] == found["evidence_accuracy"]["n"] == 1
    assert found["evidence"]["only_gives_answer"] == 1 and found["evidence_accuracy"]["only"] == 1
    assert found["accuracy"] == {"with_reasoning": 1.0, "without_reasoning": pytest.approx(1 / 3)}
    assert found["grounded"] == found["tautology"] / 2 == pytest.approx(1 / 3)
    assert found["early"]["area_over_curve"] == pytest.approx(1 - found["early"]["same"])
    assert "accuracy" not in summary(reports(classifier, rows, OTHERS))
    for bad in (([], None), (reports(classifier, rows, OTHERS), ["joy"])):
        with pytest.raises(ValueError, match="cannot be summarised"):
            summary(*bad)


def test_leak_probe_sees_labels_and_not_what_is_masked() -> None:
    labels = [("joy", "fear")[i % 2] for i in range(60)]
    named = leak_probe([f"Text number {i} shows {label} here" for i, label in enumerate(labels)], labels)
    assert named.full == 1 and named.without_labels < 0.7 and (named.n, named.folds, named.majority) == (60, 5, 0.5)
    hidden = leak_probe([{"joy": "Bright and warm", "fear": "Cold and dark"}[label] for label in labels], labels)
    assert hidden.full == hidden.without_labels == 1 and hidden.full_interval[0] < 1 == hidden.full_interval[1]
    bare = leak_probe(labels, labels)  # nothing is left after masking
    assert bare.full == 1 and bare.without_labels <= 0.5


def test_leak_probe_refuses_too_little() -> None:
    with pytest.raises(DataError, match=r"5 of each label. Too few of: fear \(2\)"):
        leak_probe(["x"] * 12, ["joy"] * 10 + ["fear"] * 2)
    for few in ([], ["joy"] * 9):
        with pytest.raises(DataError, match="two labels"):
            leak_probe(few, few)
    with pytest.raises(ValueError, match="do not match"):
        leak_probe(["x"], [])


def test_the_page_can_import_it_without_heavy_libraries() -> None:
    code = (
        "import sys; import rilearn.ui.faithfulness_view, rilearn.leak;"
        "print([m for m in ('sklearn', 'scipy', 'torch') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert out.stdout.strip().splitlines()[-1] == "[]"
