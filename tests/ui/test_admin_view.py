"""admin_view: every number in words and as a plot, everything escaped, what is missing said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from rilearn.agreement import Estimate
from rilearn.records import Rating, Reasoning, Span
from rilearn.store.adjudications import Disagreement
from rilearn.store.agreements import Agreement
from rilearn.store.annotator_cards import Card, Kept
from rilearn.store.insight import Count, Overview, Ranked
from rilearn.store.ratings import StoredRating
from rilearn.store.reasonings import StoredReasoning
from rilearn.ui import admin_view as view
from tests.ui.test_render import EVIL, Reader

NOW = datetime.now(UTC)
ABOUT = StoredReasoning(7, Reasoning("emotion", "what a day", "joy", "It sounds glad.", "almanac", adapter="g1"), NOW)
SURE = Agreement("verdict", Estimate(0.71, 0.62, 0.8, 120))
NONE = Agreement("overall", None, "At least 5 items that two people rated are needed; so far there are 2.")
CARD = Card(
    "ann", Count("ann", 40, 30), 8.44, SURE, Kept(9, 10), Kept(0, 0), Agreement("length", Estimate(-0.1, -0.3, 0.1, 40))
)
FOUND = view.Findings(
    overview=Overview(
        1234,
        56,
        (Count("joy", 40, 30), Count("fear", 10, 1)),
        (Count("", 50, 31),),
        (Count("2026-01-01", 30, 20), Count("2026-01-02", 20, 11)),
        (Count("ann", 40, 30), Count("bob", 10, 1)),
        (Ranked(ABOUT, Count("", 4, 4)),),
        (Ranked(ABOUT, Count("", 4, 0)),),
    ),
    alphas=[SURE, NONE],
    kappas=[replace(SURE, name="ann and bob")],
    cards=[CARD],
    newest=1000,
)


def rating(**said: object) -> StoredRating:
    return StoredRating(1, 1, 7, Rating(**said), "", 1.0, NOW, None)  # type: ignore[arg-type]


def test_everything_is_told() -> None:
    reader = Reader(view.findings(FOUND))
    for words in (
        "ratings 1,234",
        "2026-01-01: 20 good, 10 poor",
        "joy75\u00a0%30 of 40 good · 95 % interval 60 to 86\u00a0%",
        "none62\u00a0%",
        "Verdict0.7195 % interval 0.62 to 0.80 · 120 reasonings",
        "so far there are 2",
        "ann and bob0.71",
        "8.4 s a rating (median) · agreement with others 0.71 (0.62 to 0.80)",
        "asked again, the same verdict 9 of 10 · known answers right not known yet",
        "length \N{MINUS SIGN}0.10 (\N{MINUS SIGN}0.30 to 0.10)",
        "It sounds glad.100\u00a0%4 of 4 good",
        "Over the newest 1,000 ratings.",
    ):
        assert words in reader.text, words
    assert "Over the newest" not in view.findings(replace(FOUND, newest=5000))
    assert "svg" in reader.tags and view.findings(FOUND).count('class="rl-interval"') == 8


def test_agreement_at_chance_lies_on_the_dashed_line() -> None:
    html = view.findings(replace(FOUND, alphas=[Agreement("verdict", Estimate(-0.0001, -0.5, 0.5, 9))]))
    assert "Verdict0.00" in Reader(html).text
    assert 'left:25.0%;width:50.0%"></i><em style="left:50.0%">' in html


def test_nothing_yet() -> None:
    empty = replace(FOUND, overview=Overview(0, 0, (), (), (), ()))
    assert "Nobody has rated yet." in view.findings(empty)
    assert "Nothing yet." in view.findings(replace(FOUND, kappas=[], cards=[]))


def test_a_dispute_shows_what_each_one_said() -> None:
    whole = rating(
        verdict="poor",
        overall=2,
        criteria={"about_text": True, "true_and_clear": False},
        spans=(Span(0, 2, "vague"),),
        comment="no <b>",
        label_wrong=True,
        right_label="love",
    )
    reader = Reader(view.dispute(Disagreement(ABOUT, (("ann", rating(verdict="good")), ("bob", whole))), 3))
    for words in ("3 disputed", "by g1", "Text: what a day", "Label: joy", "It sounds glad.", "ann: good"):
        assert words in reader.text
    assert (
        "bob: poor · 2 of 5 · Is it about this text? yes · Is it true and clear? no · "
        "the label is wrong, right: love · vague \N{EN DASH} no <b>"
    ) in reader.text
    assert view.NO_DISPUTES in Reader(view.dispute(None, 0)).text and "passed by" in view.dispute(None, 2)


def test_all_text_of_people_and_models_is_data() -> None:
    about = replace(ABOUT, reasoning=replace(ABOUT.reasoning, text=EVIL, label=EVIL, reasoning=EVIL, adapter=EVIL))
    said = rating(verdict="poor", comment=EVIL, label_wrong=True, right_label=EVIL, spans=(Span(0, 1, EVIL),))
    count = Count(EVIL, 3, 1)
    found = replace(
        FOUND,
        overview=Overview(3, 1, (count,), (count,), (count,), (count,), (Ranked(about, count),)),
        kappas=[replace(SURE, name=EVIL), replace(NONE, missing=EVIL)],
        cards=[replace(CARD, name=EVIL, count=count)],
    )
    for html in (
        view.findings(found),
        view.dispute(Disagreement(about, ((EVIL, said),)), 1),
        view.error(EVIL),
        view.alert(EVIL),
        view.decided(EVIL),
    ):
        assert not {"script", "img"} & set(Reader(html).tags) and "${" not in html and "<b>no" not in html
