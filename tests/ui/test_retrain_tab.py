"""The Retrain tab: strangers and annotators see and do nothing of the admins'; admins train, promote, roll back; what
annotators said comes back to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from rilearn.corpora import held_out_texts
from rilearn.errors import StoreError
from rilearn.records import Rating, Reasoning
from rilearn.store.annotators import Annotators
from rilearn.store.duels import Duels
from rilearn.store.jobs import Jobs
from rilearn.store.promotions import Promotions
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import now
from rilearn.ui import changed_part, retrain_part, retrain_tab, versions_acts
from rilearn.ui.insight_tab import admin
from rilearn.ui.retrain_part import ALL, SINCE, Desk
from rilearn.ui.versions_acts import Pending
from tests.conftest import eventually
from tests.retrain_world import DEMO, EVIL, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for job in made.services.jobs.newest():
        made.services.jobs.files(job).signal(9)
    made.services.close()


@pytest.fixture
def training(world: World) -> retrain_part.Handlers:
    return retrain_part.Handlers(world.services, partial(admin, world.services))


@pytest.fixture
def versions(world: World) -> versions_acts.Handlers:
    return versions_acts.Handlers(world.services, partial(admin, world.services))


@pytest.fixture
def changed(world: World) -> changed_part.Handlers:
    return changed_part.Handlers(world.services, partial(retrain_tab.annotator, world.services))


def texts(frame: Any) -> str:
    return " ".join(part for part in frame if isinstance(part, str))


def active(world: World) -> str:
    found = Promotions(world.database).active("emotion", "generator")
    return found.digest if found else ""


def test_nobody_but_an_admin_sees_or_does_anything(
    world: World, training: retrain_part.Handlers, versions: versions_acts.Handlers
) -> None:
    first = world.promoted()
    digest = world.retrained()
    *_, desk, _ = training.preview("mixed", ALL, True, True, world.by(world.root))
    for request in (world.sent(None), world.sent("made-up"), world.by(world.ann)):
        refused = [
            training.look(request),
            training.preview("mixed", ALL, True, True, request),
            training.turning(1)(desk, request),
            training.start(desk, request),
            training.cancel(1, request),
            training.resume(1, request),
            versions.show(digest, request),
            versions.choose(digest, request),
            versions.more(digest, 0, request),
            versions.of_rating(1, request),
            *(versions.asking(action)(digest, request) for action in ("promote", "overrule", "rollback")),  # type: ignore[arg-type]
            versions.do(Pending("promote", "generator", digest, "t"), "because", digest, request),
            versions.do(Pending("rollback", "generator", first, "u"), "because", digest, request),
        ]
        for number, frame in enumerate(refused):
            said = texts(frame)
            assert "This part is for admins" in said and "what a day" not in said and "v1" not in said, number
    assert Jobs(world.database).newest() == [] and active(world) == first


def test_the_preview_leaves_out_what_the_run_will(world: World, training: retrain_part.Handlers) -> None:
    held = min(held_out_texts(world.services.task, DEMO))
    (item,) = Reasonings(world.database).add([Reasoning("emotion", held, "joy", "It says so, every word.", "test")])
    Ratings(world.database).rate(world.ann.id, item, Rating("good"), "held-out")
    html, *_, desk, _ = training.preview("mixed", ALL, True, True, world.by(world.root))
    assert "text of an evaluation split" in html and desk.made is not None
    assert held not in {row.text for row in desk.made.curated.rows}


def test_the_preview_goes_by_the_rules_of_the_recipe(world: World, training: retrain_part.Handlers) -> None:
    settings, path = world.services.settings, world.services.settings.state_dir / "own.yaml"
    world.services.settings = settings.model_copy(update={"retrain": path, "dataset": ""})
    for text, lacks in ((f"minimum: 24\ndata: {{id: {DEMO}}}", False), (f"minimum: 25\ndata: {{id: {DEMO}}}", True)):
        path.write_text(text)
        html, _, start, *_ = training.preview("mixed", ALL, True, True, world.by(world.root))
        assert start["interactive"] is not lacks and ("25" in html or not lacks)
    path.write_text("[]")
    html, _, start, *_ = training.preview("mixed", ALL, True, True, world.by(world.root))
    assert "RILEARN_RETRAIN" in html and not start["interactive"]


def test_a_dataset_that_cannot_be_read_is_said_before_a_run_fails_of_it(
    world: World, training: retrain_part.Handlers
) -> None:
    settings = world.services.settings
    world.services.settings = settings.model_copy(update={"dataset": str(settings.adapters)})
    html, _, start, *_ = training.preview("mixed", ALL, True, True, world.by(world.root))
    assert "could not be loaded" in html and "RILEARN_DATASET=FOLDER" in html and not start["interactive"]


def test_preview_start_watch_and_promote_what_the_gate_lets_pass(
    world: World, training: retrain_part.Handlers, versions: versions_acts.Handlers
) -> None:
    request = world.by(world.root)
    html, turn, start, desk, _ = training.preview("mixed", ALL, True, True, request)
    assert "48 ratings" in html and "12 approved" in html and "1 to 20 of 24" in html
    assert EVIL not in html and "&lt;img src=x" in html + training.turning(1)(desk, request)[0]
    assert turn["visible"] and start["interactive"]
    html, desk = training.turning(1)(desk, request)
    assert "21 to 24 of 24" in html and training.turning(5)(desk, request)[0] == html
    said, *_ = training.start(desk, request)
    assert "Job 1 has started" in said and "Job 1 has started" in training.start(desk, request)[0]
    assert len(Jobs(world.database).newest()) == 1

    def ended() -> bool:
        return not training.look(request)[-1].active

    assert eventually(ended, 200)
    html, cancel, resume, past, _, timer = training.look(request)
    assert "Job 1 is done. generator v2: the gate lets it pass." in html and "root" in past
    assert not cancel["visible"] and not resume["visible"] and not timer.active
    picture, chosen, detail, promote, overrule, back, *_ = versions.show(None, request)
    assert chosen["choices"][0][0] == "generator v2" and "generator v2 comes from generator v1" in picture
    assert promote["visible"] and not overrule["visible"] and not back["visible"]
    assert "The gate lets it pass." in detail and "won 80 and lost 20" in detail
    made = chosen["value"]
    _, pending = ask(world, versions, "promote", made)
    assert pending.action == "promote" and "generator v2 is in use now" in versions.do(pending, "", made, request)[0]
    promoted = Promotions(world.database).active("emotion", "generator")
    assert promoted and promoted.digest == made and promoted.verdict and promoted.verdict["passed"]
    assert promoted.reason == ""  # nothing was overruled


def test_a_job_is_cancelled_and_resumed(world: World, training: retrain_part.Handlers) -> None:
    request = world.by(world.root)
    assert training.look(request)[4] is None
    assert "No job runs" in training.cancel(None, request)[0] and "no job" in training.resume(None, request)[0]
    world.steps, world.pause = 2000, 0.05
    *_, desk, _ = training.preview("mixed", ALL, True, False, request)
    training.start(desk, request)
    html, cancel, _, _, shown, timer = training.look(request)
    assert (
        "Job 1 is running" in html
        and "mixed, all ratings, with practice" in html
        and cancel["visible"]
        and timer.active
    )
    other = training.preview("kto", ALL, True, False, request)[3]
    assert "Job 1 is running" in training.start(other, request)[0]
    assert "is being stopped" in training.cancel(shown, request)[0]
    assert eventually(lambda: training.look(request)[2].get("visible"), 100)
    assert "was cancelled" in training.look(request)[0]
    assert "Job 1 goes on" in training.resume(shown, request)[0] and training.look(request)[-1].active


def test_the_buttons_act_on_the_job_that_the_page_shows(world: World, training: retrain_part.Handlers) -> None:
    request = world.by(world.root)
    world.steps, world.pause = 2000, 0.05
    training.start(training.preview("mixed", ALL, True, False, request)[3], request)
    first = training.look(request)[4]
    training.cancel(first, request)
    assert eventually(lambda: not training.look(request)[-1].active, 100)
    training.start(training.preview("kto", ALL, True, False, request)[3], request)  # on another page
    said, html, *_, shown, timer = training.cancel(first, request)
    assert "Job 1 does not run any more: it is cancelled" in said and "Job 2 is running" in html and timer.active
    assert "Job 2 is running" in training.resume(first, request)[0]
    training.cancel(shown, request)
    assert eventually(lambda: not training.look(request)[-1].active, 100)
    said, html, *_, shown, timer = training.resume(first, request)  # of a page that still shows the first
    assert "Job 1 goes on" in said and "Job 1 is running" in html and shown == first == 1 and timer.active


def test_a_look_that_fails_is_not_the_last(
    world: World, training: retrain_part.Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = world.by(world.root)

    def busy(*_: object) -> None:
        raise StoreError("The database is busy.")

    with monkeypatch.context() as now:
        now.setattr(world.services.jobs, "newest", busy)
        html, *kept, timer = training.look(request)
    assert "busy" in html and kept == [gr.skip()] * 4 and timer.active
    with monkeypatch.context() as now:
        now.setattr(training, "identify", busy)
        said, _, *kept, timer = training.cancel(1, request)
    assert "busy" in said and kept == [gr.skip()] * 4 and timer.active
    assert not training.look(world.by(world.ann))[-1].active


def test_what_cannot_be_learnt_is_said_and_not_started(world: World, training: retrain_part.Handlers) -> None:
    request = world.by(world.root)
    assert "no finished run yet" in training.preview("mixed", SINCE, True, True, request)[0]
    assert "Choose how to learn" in training.preview("worst", ALL, True, True, request)[0]
    assert "Press &#x27;Preview&#x27; first" in training.start(Desk(), request)[0]
    empty = World(world.services.settings.state_dir / "empty", texts=0)
    on = retrain_part.Handlers(empty.services, partial(admin, empty.services))
    html, _, start, desk, _ = on.preview("mixed", ALL, True, True, empty.by(empty.root))
    assert "No ratings yet: rate reasonings in the Rate tab" in html and not start["interactive"]
    assert "too little to learn from" in on.start(desk, empty.by(empty.root))[0]
    assert "Nothing was retrained yet" in on.look(empty.by(empty.root))[3]
    assert empty.services.jobs.newest() == []
    empty.services.close()


def ask(world: World, on: versions_acts.Handlers, action: Any, digest: str) -> tuple[str, Pending]:
    words, _, shown, pending, problem = on.asking(action)(digest, world.by(world.root))
    assert shown["visible"] and problem == ""
    return words, pending


def test_promote_and_roll_back_are_confirmed_first(world: World, versions: versions_acts.Handlers) -> None:
    request, digest = world.by(world.root), world.retrained()
    words, pending = ask(world, versions, "promote", digest)
    assert "Put generator v2 in use in place of generator v1?" in words and active(world) == ""
    shown, pending = versions.never_mind()
    assert not shown["visible"] and "nothing to confirm" in versions.do(pending, "", digest, request)[0]
    _, pending = ask(world, versions, "promote", digest)
    said, picture, _, _, promote, _, back, *_ = versions.do(pending, "", digest, request)
    assert "generator v2 is in use now" in said and active(world) == digest and picture.count("in use") == 2
    assert not promote["visible"] and back["visible"]
    assert "is in use now" in versions.do(pending, "", digest, request)[0]  # a double click
    words, pending = ask(world, versions, "rollback", digest)
    assert "Take generator v2 out of use" in words
    said = versions.do(pending, "worse in practice", digest, request)[0]
    assert "generator v1 is in use again in place of generator v2" in said and active(world) != digest
    history = Promotions(world.database).history("emotion")
    assert [(p.action, p.who, p.reason) for p in history] == [
        ("rollback", "root", "worse in practice"),
        ("promote", "root", ""),
    ]
    assert "worse in practice" not in versions.choose(digest, request)[0]  # it stands with the one that came back
    assert "worse in practice" in versions.choose(history[0].digest, request)[0]


def test_the_gate_is_overruled_with_a_reason_only(world: World, versions: versions_acts.Handlers) -> None:
    world.wins = 30
    request, digest = world.by(world.root), world.retrained()
    _, _, detail, promote, overrule, *_ = versions.show(digest, request)
    assert "The gate does not let it pass." in detail and not promote["visible"] and overrule["visible"]
    sent = Pending("promote", "generator", digest, "t")  # no button gives this
    assert "Not promoted." in versions.do(sent, "because", digest, request)[0]
    words, pending = ask(world, versions, "overrule", digest)
    assert "does not let it pass" in words
    assert "Write why the gate is overruled" in versions.do(pending, "  ", digest, request)[0] and active(world) == ""
    assert "is in use now" in versions.do(pending, EVIL, digest, request)[0] and active(world) == digest
    detail = versions.choose(digest, request)[0]
    assert EVIL not in detail and "&lt;img src=x" in detail


def test_a_version_shows_its_ratings_and_a_rating_its_versions(world: World, versions: versions_acts.Handlers) -> None:
    request, digest = world.by(world.root), world.retrained()
    *_, ratings, turn, last, _, _ = versions.show(digest, request)
    assert "20 of 48, from number 1" in ratings and "what a day, number 0" in ratings and turn["visible"]
    assert EVIL not in ratings and "&lt;img src=x" in ratings
    html, _, last = versions.more(digest, last, request)
    assert "20 of 48, from number 21" in html
    html, _, last = versions.more(digest, last, request)
    assert "8 of 48, from number 41" in html and last == 0
    learnt = versions.of_rating(3, request)[0]
    assert "Rating 3 is in:" in learnt and "generator v2" in learnt
    assert "No version has learnt from rating 999" in versions.of_rating(999, request)[0]
    assert versions.of_rating(None, request) == ("", "")
    for unknown in ("nothing", None):
        assert "no such version" in versions.asking("promote")(unknown, request)[-1]


def test_a_rating_is_in_the_versions_that_go_on_from_those_which_learnt_it(
    world: World, versions: versions_acts.Handlers
) -> None:
    def later(number: int | None, request: Any) -> str:
        return versions.of_rating(number, request)[1]

    request = world.by(world.root)
    world.promoted()
    assert later(1, request) == later(999, request) == later(None, request) == ""
    moment = now()
    world.rate(24, first=24)
    world.promoted(moment)
    assert "generator v3, from generator v2" in later(1, request) and later(49, request) == ""
    world.promoted()  # of all of them again
    assert later(1, request).count("<li>") == 1


def test_shipped_versions_can_be_looked_at(world: World, versions: versions_acts.Handlers) -> None:
    _, chosen, *_ = versions.show(None, world.by(world.root))
    assert {name for name, _ in chosen["choices"]} == {"generator v1", "q-a v1", "q-ra v1"}
    for _, digest in chosen["choices"]:
        detail, *buttons = versions.choose(digest, world.by(world.root))[:4]
        assert "Nothing was measured" in detail and not any(b["visible"] for b in buttons)
        said = versions.do(Pending("promote", "generator", digest, "t"), "", digest, world.by(world.root))[0]
        assert "Nothing was measured for this version" in said


def test_annotators_see_what_became_of_theirs_after_a_blind_vote(world: World, changed: changed_part.Handlers) -> None:
    ann = world.by(world.ann)
    html, _, _, row, ballot = changed.show(ann)
    assert "No generator has learnt from ratings yet" in html and not row["visible"] and ballot.pair is None
    world.promoted()
    html, cards, duel, row, ballot = changed.show(ann)
    assert "24 ratings and 6 corrections of yours are in generator v2" in html and row["visible"]
    assert "10 of yours wait above" in cards and "It names" not in cards  # blind first
    assert "It names" in duel and "generator v2" not in duel and ballot.pair is not None
    side: Any = "left" if "It names" in ballot.pair.left else "right"
    said, _, cards, _, _, after = changed.voting(side)(ballot, ann)
    assert "you chose the one by generator v2, the newer one" in said and after.pair != ballot.pair
    assert cards.count("rl-changed") == 1 and "You preferred the new one" in cards and "writes now" in cards
    again = changed.voting("left" if side == "right" else "right")(ballot, ann)
    assert 'role="alert"' in again[0] and again[-1] == ballot
    assert "none of your ratings is in it" in changed.show(world.by(world.root))[0]


def test_what_the_version_before_learnt_is_in_the_one_that_goes_on_from_it(
    world: World, changed: changed_part.Handlers
) -> None:
    world.promoted()
    moment = now()
    world.rate(24, first=24, away=world.ann)
    world.promoted(moment)
    html, cards, *_ = changed.show(world.by(world.ann))
    said = "24 ratings and 6 corrections of yours are in generator v2, from which generator v3 goes on."
    assert f"generator v3 is in use. {said}" in html and "none of your ratings" not in html
    assert cards.count("Your correction") == 6 and cards.count("You rated") == 4
    html = changed.show(world.by(world.bob))[0]
    assert "24 ratings of yours are in generator v3, which is in use. 24 ratings of yours are in generator v2" in html


def test_after_a_rollback_the_one_that_was_taken_out_is_the_newer(world: World, changed: changed_part.Handlers) -> None:
    first = world.services.generator
    assert first is not None
    world.rolled_back(digest := world.promoted())
    ann = world.by(world.ann)
    html, cards, duel, _, ballot = changed.show(ann)
    assert "generator v1 is in use, and none of your ratings is in it" in html and cards == ""
    assert ballot.pair is not None and "a held-out text" in duel and ballot.new == digest  # none that v2 learnt
    side: Any = "left" if "It names" not in ballot.pair.left else "right"
    assert "you chose the one by generator v1, the older one" in changed.voting(side)(ballot, ann)[0]
    assert Duels(world.database).counts(digest, first.ref.digest).losses == 1
    third = world.promoted()
    world.rolled_back(world.promoted())  # the fourth; the third came after the first
    assert changed._in_use() == (third, first.ref.digest, True)


def test_a_vote_belongs_to_whom_the_pair_was_shown(world: World, changed: changed_part.Handlers) -> None:
    digest = world.promoted()
    ballot = changed.show(world.by(world.ann))[-1]
    for request in (world.sent(None), world.sent("made-up")):
        assert "Sign in on the Rate tab" in changed.show(request)[0] and changed.show(request)[1:3] == ("", "")
        assert "Sign in on the Rate tab" in changed.voting("left")(ballot, request)[0]
    assert "were not shown to you" in changed.voting("left")(ballot, world.by(world.bob))[0]
    assert "nothing to vote on" in changed.voting("left")(replace(ballot, pair=None), world.by(world.bob))[0]
    generator = world.services.generator
    assert generator is not None and generator.ref.digest == digest
    previous = Promotions(world.database).history("emotion")[0].previous
    assert Duels(world.database).counts(digest, previous).decided == 0


def test_candidates_get_votes_on_held_out_texts(world: World, changed: changed_part.Handlers) -> None:
    digest = world.retrained()
    carl = Annotators(world.database).add("carl")
    generator = world.services.generator
    assert generator is not None
    for left in (3, 2, 1):
        *_, ballot = changed.show(world.by(carl))
        assert ballot.pair is not None and "held-out" in ballot.pair.text, left
        side: Any = "left" if "It names" in ballot.pair.left else "right"
        changed.voting(side)(ballot, world.by(carl))
    assert changed.show(world.by(carl))[-1].pair is None
    assert Duels(world.database).counts(digest, generator.ref.digest).wins == 3


def test_nothing_of_it_is_an_endpoint(world: World) -> None:
    with gr.Blocks() as app, gr.Tabs(), gr.Tab(retrain_tab.TITLE):
        retrain_tab.add(app, world.services)
    assert app.get_api_info()["named_endpoints"] == {}
