"""vote_view: answers without names before the vote, with names after it, the standings; all escaped, all closed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rilearn.blind import Standing, Standings
from rilearn.store.votes import Pair, Side, Version, Vote
from rilearn.ui import vote_view as view
from tests.ui.test_render import EVIL, Reader

LEFT, RIGHT = Version("q-ra", "aa"), Version("q-a", "bb")
PAIR = Pair(7, "what a day", Side(LEFT, "Long awaited.\njoy (90 %)"), Side(RIGHT, "sadness (60 %)"), False)


def vote(choice: str = "left", pair: Pair = PAIR) -> Vote:
    winner = {"left": pair.left.version, "right": pair.right.version}.get(choice)
    return Vote(1, pair, choice, winner, datetime.now(UTC))  # type: ignore[arg-type]


def test_before_the_vote_no_name_is_anywhere() -> None:
    html = view.asked(PAIR)
    assert "q-ra" not in html and "q-a" not in html and "Which answer is better explained?" in html
    a, b = html.split("<article")[1:]
    assert "Long awaited." in a and "joy (90 %)" in a and "No reasoning was given." in b and "sadness (60 %)" in b
    assert "q-" not in view.skipped() + view.waiting() + view.stopped() + view.error("Try again.", PAIR)


def test_after_the_vote_the_names_and_the_choice_are_shown() -> None:
    reader = Reader(view.revealed(vote("right")))
    assert "Thank you. You chose q-a." in reader.text and "A q-ra" in reader.text and "B q-a your choice" in reader.text
    assert "You called it a tie." in view.revealed(vote("tie")) and "your choice" not in view.revealed(vote("tie"))


def test_a_vote_that_did_not_count_says_so() -> None:
    assert "You have voted on this pair before" in view.thanks(vote(), again=True)
    apart = Pair(7, "what a day", Side(LEFT, "q-ra says\njoy"), PAIR.right, True)
    assert "kept apart" in view.thanks(vote(pair=apart)) and "kept apart" not in view.thanks(vote())


def test_what_is_kept_is_said_before_it_is() -> None:
    for bare in (True, False):
        said = Reader(view.note(bare)).text
        assert "your text, both answers and your vote" in said and ("bare label" in said) is bare
    assert "Train another one" in view.empty(False) and "Train another one" not in view.empty(True)


def test_standings_show_rate_interval_and_score() -> None:
    now = Standings(
        (Standing("q-ra", 12.5, 20, 0.4, 0.8, 0.5), Standing("q-a", 7.5, 20, 0.2, 0.6, -0.5)), 20, 3, 1, "No scores."
    )
    html = view.standings(now)
    said = Reader(html).text
    assert "20 votes, 3 ties among them." in said and "12.5 of 20 votes · 95 % interval 40 to 80\u00a0%" in said
    assert "score +0.50" in said and "score \N{MINUS SIGN}0.50" in said and "Bradley-Terry" in said
    assert "1 vote kept apart" in said and "No scores." in said
    assert 'style="left:40.0%;width:40.0%"' in html and 'style="left:62.5%"' in html
    assert "Nobody has voted yet" in view.standings(Standings())
    assert "Bradley-Terry" not in view.standings(Standings((Standing("q-a", 1, 1, 0.2, 1.0),), 1))


@pytest.mark.parametrize("reasoning", [EVIL, f"{EVIL}\n{EVIL}", f"\n{EVIL}"])
def test_everything_is_escaped_and_closed(reasoning: str) -> None:
    version = Version(EVIL, EVIL)
    evil = Pair(7, EVIL, Side(version, reasoning), Side(version, reasoning), True)
    pages = [
        view.asked(evil),
        view.revealed(vote("left", evil)),
        view.revealed(vote("tie", evil), again=True),
        view.error(EVIL, evil),
        view.waiting(EVIL),
        view.no_standings(EVIL),
        view.standings(Standings((Standing(EVIL, 1, 1, 0.2, 1.0, 0.1),), 1, 0, 1, EVIL)),
    ]
    plain = Reader(view.revealed(vote())).tags + Reader(view.standings(Standings((Standing("a", 1, 1, 0, 1),)))).tags
    for html in pages:
        reader = Reader(html)
        assert set(reader.tags) <= {*plain, "p"} and EVIL.split("\n")[0][:12] in reader.text
