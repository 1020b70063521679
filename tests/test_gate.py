"""The gate: each bound from both sides, people before the judge, what was not measured, JSON there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rilearn.errors import InputError
from rilearn.gate import Duel, Evidence, Paired, Thresholds, Verdict, judge, read_evidence
from rilearn.settings import Settings

BOUNDS = Thresholds.of(Settings())
GOOD: dict[str, Any] = {
    "role": "generator",
    "candidate": "new",
    "current": "old",
    "texts": 100,
    "judge": Duel(wins=70, losses=30),
    "classifier": Paired(both=180, only_candidate=8, only_current=7, neither=5),
    "parse_rate": 0.99,
    "mean_words": 20.0,
    "leak": 0.5,
    "current_leak": 0.5,
    "restatement": 0.05,
    "grounded": 0.9,
}


def verdict(**changed: Any) -> Verdict:
    return judge(Evidence(**{**GOOD, **changed}), BOUNDS)


def failed(found: Verdict) -> list[str]:
    return [check.name for check in found.checks if not check.passed]


def test_good_evidence_passes_and_says_who_judged() -> None:
    found = verdict()
    assert found.passed and found.judged_by == "judge" and not found.refusals
    assert "people cast 0 of the 30 votes needed" in found.checks[0].words


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"judge": Duel(wins=55, losses=45)}, "wins"),  # more than half, but not for sure
        ({"judge": None}, "wins"),
        ({"judge": Duel(ties=100)}, "wins"),
        ({"classifier": Paired(both=180, only_candidate=5, only_current=10, neither=5)}, "classifier"),
        ({"classifier": None}, "classifier"),
        ({"parse_rate": 0.97}, "parses"),
        ({"parse_rate": None}, "parses"),
        ({"mean_words": 40.1}, "length"),
        ({"restatement": 0.11}, "restatement"),
        ({"leak": 0.53}, "leak"),
        ({"current_leak": None}, "leak"),
        ({"leak": None}, "leak"),
    ],
)
def test_each_bound_refuses_alone(changed: dict[str, Any], name: str) -> None:
    found = verdict(**changed)
    assert not found.passed and failed(found) == [name] and len(found.refusals) == 1


@pytest.mark.parametrize("changed", [{"parse_rate": 0.98}, {"mean_words": 40}, {"restatement": 0.1}, {"leak": 0.52}])
def test_the_bound_itself_passes(changed: dict[str, Any]) -> None:
    assert verdict(**changed).passed


def test_ties_decide_nothing() -> None:
    few = verdict(judge=Duel(wins=7, losses=3, ties=90))
    assert failed(few) == ["wins"] and few.checks[0].value == pytest.approx(0.397, abs=0.001)


def test_enough_votes_of_people_count_and_too_few_do_not() -> None:
    few = verdict(votes=Duel(wins=5, losses=24))
    assert few.passed and few.judged_by == "judge" and "people cast 29 of the 30" in few.checks[0].words
    enough = verdict(votes=Duel(wins=5, losses=25))
    assert failed(enough) == ["wins"] and enough.judged_by == "people"
    assert verdict(votes=Duel(wins=25, losses=5), judge=None).passed
    assert verdict(votes=Duel(wins=1, ties=99), judge=None).judged_by == "nobody"


def test_a_classifier_may_lose_a_point_but_not_for_sure() -> None:
    allowed = Paired(both=900, only_candidate=40, only_current=50, neither=10)
    assert verdict(classifier=allowed).passed
    # Half a point, but over so many rows that it is no chance.
    certain = Paired(both=18_000, only_candidate=100, only_current=200, neither=1_700)
    found = verdict(classifier=certain)
    assert failed(found) == ["classifier"] and found.checks[1].value == pytest.approx(-0.5)


def test_only_a_generator_may_do_without_a_classifier_and_only_where_the_settings_say_so() -> None:
    lax = BOUNDS.model_copy(update={"classifier_required": False})
    generator = judge(Evidence(**{**GOOD, "classifier": None}), lax)
    assert generator.passed and "not measured" in generator.checks[1].words and generator.checks[1].value is None
    assert failed(judge(Evidence(**{**GOOD, "classifier": None, "role": "q-ra"}), lax)) == ["classifier"]


def test_bounds_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RILEARN_GATE_VOTES", "3")
    monkeypatch.setenv("RILEARN_GATE_CLASSIFIER_REQUIRED", "0")
    monkeypatch.setenv("RILEARN_GATE_LEAK", "0.25")
    found = Thresholds.of(Settings())
    assert (found.votes, found.classifier_required, found.leak) == (3, False, 0.25)


def test_json_there_and_back(tmp_path: Path) -> None:
    found = verdict(votes=Duel(wins=5, losses=25), leak=None)
    assert Verdict.model_validate_json(found.model_dump_json()) == found
    file = tmp_path / "evidence.json"
    file.write_text(found.evidence.model_dump_json())
    assert read_evidence(file) == found.evidence


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"role": "generator"}', "candidate"),
        ('{"role": "king", "candidate": "a", "current": "b"}', "role"),
        ('{"role": "q-ra", "candidate": "a", "current": "b", "parse_rate": 98}', "parse_rate"),
        ('{"role": "q-ra", "candidate": "a", "current": "b", "judge": {"wins": -1}}', "judge.wins"),
        ('{"role": "q-ra", "candidate": "a", "current": "b", "extra": 1}', "extra"),
        ("{", "the file"),
    ],
)
def test_a_file_that_is_no_evidence_is_named(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    file.write_text(content)
    with pytest.raises(InputError, match=said):
        read_evidence(file)


def test_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_evidence(tmp_path / "none.json")
