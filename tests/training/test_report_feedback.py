"""The report's section on ratings: it says that the annotators are simulated, and what was met and missed."""

from __future__ import annotations

from typing import Any

from training.report_feedback import feedback_part, fresh_part


def cell(ratings: str, budget: int, order: str = "mixed", **changes: Any) -> dict[str, Any]:
    duel = {"wins": 30, "losses": 10, "ties": 10, "win_rate": 0.75, "interval": [0.6, 0.86]}
    values = {
        "rows": {"pair": budget // 4, "kto": budget // 2},
        "general_loss": {"before": 1.9, "after": 2.0},
        "judge": duel,
        "base_judge": {**duel, "win_rate": 0.5},
        "faultless": 0.8,
        "grounded": 0.96,
        "restates": 0.04,
        "sufficiency": 0.7,
        "mean_named": 4.0,
    }
    return {"ratings": ratings, "order": order, "budget": budget, **values, **changes}


FOUND: dict[str, Any] = {
    "simulated": "The annotators are simulated.",
    "annotators": [{"name": "simulated-1"}, {"name": "simulated-2"}],
    "n": 50,
    "split": "validation",
    "seed": 0,
    "command": "python -m training.study_feedback",
    "date": "2026-01-02",
    "parent": cell("", 0) | {"name": "first", "sufficiency": 0.6},
    "recipe": {
        "caution": "Chosen on these rows.",
        "goal": {"ratings": "mixed", "budget": 300, "order": "mixed"},
        "order_budget": 200,
    },
    "cells": [cell("mixed", 300), cell("sft", 50), cell("sft", 200), cell("mixed", 200, "oldest")],
}


def test_what_was_aimed_at_is_called_met_or_missed() -> None:
    text, made = feedback_part(FOUND)
    assert text.index("The annotators are simulated.") < text.index("The goal, with 300 ratings")
    assert "`first` wrote" in text and "Chosen on these rows." in text
    assert "no ties 70%: 75.0% (95 % interval 60.0% to 86.0%), met" in text
    assert "rises by 15%: 10.0%, missed" in text
    assert "restatements below 10%: 4.0%, met" in text
    assert list(made) == ["feedback-wins.svg", "feedback-sufficiency.svg"] and all(
        "<svg" in svg for svg in made.values()
    )


def test_every_cell_stands_in_a_table_and_the_orders_apart() -> None:
    text, _ = feedback_part(FOUND)
    curve, _, orders = text.partition("Orders of the queue")
    assert "| sft | mixed | 50 | 37 | 30, 10, 10 (75%) |" in curve and "| mixed | oldest | 200 |" not in curve
    assert "| mixed | oldest | 200 |" in orders and "| sft |" not in orders
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {13}


def test_without_its_cell_the_goal_is_not_measured_yet() -> None:
    assert "not measured yet" in feedback_part({**FOUND, "cells": FOUND["cells"][1:]})[0]


def test_other_rows_are_told_with_both_judges() -> None:
    rates = {"faultless": 0.5, "misquotes": 0.4, "grounded": 0.9, "restates": 0.1, "sufficiency": 0.6}
    duel = {"wins": 20, "losses": 10, "ties": 5, "win_rate": 0.6667, "interval": [0.49, 0.81]}
    about = {"n": 35, "split": "validation", "from_row": 200, "command": "c", "date": "2026-01-02"}
    found = {"parent": rates, "candidate": {**rates, "faultless": 0.75}, "judge": duel, "base_judge": duel, **about}
    text, made = fresh_part(found)
    assert "20 wins, 10 losses, 5 ties" in text and "without fault 50.0% before, 75.0% after" in text
    assert "no ties 70%: 66.7% (95 % interval 49.0% to 81.0%), missed" in text and "in the text 90%: 90.0%, met" in text
    assert "from the ratings alone" in text and made == {} and "The gate" not in text
    evidence = {"role": "generator", "candidate": "a", "current": "b", "judge": {"wins": 200, "losses": 10, "ties": 5}}
    judged = fresh_part({**found, "evidence": {"generator": evidence}})[0]
    assert "The gate does not let this generator pass" in judged and "won 200 and lost 10" in judged
    assert judged.count("**Not met:**") == 5 and "**Not met:** Mere restatements: not measured" in judged
    practised = fresh_part({**found, "rated": {**rates, "judge": {**duel, "win_rate": 0.61}, "base_judge": duel}})[0]
    assert "ratings: 61.0% wins, 40.0% quotes" in practised and "Then it practised" in practised
