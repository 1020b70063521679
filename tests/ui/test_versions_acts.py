"""What the page offers for a version follows the gate's word of this moment, and what it says is so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rilearn.adapters import load_adapter, save_manifest
from rilearn.errors import AdapterError
from rilearn.kept import kept_at
from rilearn.promotion import judged, register
from rilearn.store.annotators import Annotators
from rilearn.store.duels import Duels
from rilearn.store.promotions import Promotions
from rilearn.store.versions import Versions
from rilearn.ui.insight_tab import admin
from rilearn.ui.versions_acts import Handlers, Pending
from tests.candidates import evidence, make_candidate
from tests.conftest import FakeEngine
from tests.retrain_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.services.close()


@pytest.fixture
def versions(world: World) -> Handlers:
    return Handlers(world.services, partial(admin, world.services))


def vote(world: World, new: str, people: int, prefer: str) -> None:
    """Each of so many new people votes on all three held-out texts, for the candidate or the one in use."""
    duels, generator = Duels(world.database), world.services.generator
    assert generator is not None
    for n in range(people):
        who = Annotators(world.database).add(f"voter-{prefer}-{n}").id
        while pair := duels.next(who, new, generator.ref.digest):
            new_side, old_side = ("left", "right") if "It names" in pair.left else ("right", "left")
            duels.vote(who, pair.pair_id, new_side if prefer == "new" else old_side, f"{pair.pair_id}")  # type: ignore[arg-type]


def offered(frame: tuple[Any, ...]) -> list[str]:
    """The buttons of what `choose` gives, or the end of what `show` gives."""
    return [name for name, button in zip(("promote", "overrule", "back"), frame[1:4], strict=True) if button["visible"]]


def confirmed(world: World, versions: Handlers, action: Any, digest: str, reason: str = "") -> str:
    """Ask, then say yes; gives what is said."""
    request = world.by(world.root)
    _, _, shown, pending, problem = versions.asking(action)(digest, request)
    assert shown["visible"] and problem == "" and pending.action == action
    return versions.do(pending, reason, digest, request)[0]


def test_blind_votes_open_promote_without_a_click_before(world: World, versions: Handlers) -> None:
    world.wins = 30
    request, digest = world.by(world.root), world.retrained()
    picture, _, *looked = versions.show(digest, request)
    assert offered(tuple(looked)) == ["overrule"] and "gate: not passed" in picture
    assert "people cast 0 of the 30 votes needed" in looked[0]
    assert "by the automatic judge on 100 held-out texts" in looked[0]
    kept = Versions(world.database).find(digest)
    vote(world, digest, 12, "new")
    picture, _, *looked = versions.show(digest, request)
    assert offered(tuple(looked)) == ["promote"] == offered(versions.choose(digest, request))
    assert "gate: passed" in picture and "gate: not passed" not in picture
    assert "Judged by people, blind: its reasonings won 36 and lost 0" in looked[0]
    assert "by people in 36 blind votes" in looked[0] and "100 held-out" not in looked[0]
    assert Versions(world.database).find(digest) == kept  # looking writes nothing
    assert "is in use now" in confirmed(world, versions, "promote", digest)
    active = Promotions(world.database).active("emotion", "generator")
    assert active and active.digest == digest and active.verdict and active.verdict["judged_by"] == "people"


def test_blind_votes_take_promote_away(world: World, versions: Handlers) -> None:
    request, digest = world.by(world.root), world.retrained()
    assert offered(versions.choose(digest, request)) == ["promote"]
    vote(world, digest, 12, "old")
    # The page was drawn before the votes: its button asks what is open by now.
    words, reason, _, pending, _ = versions.asking("promote")(digest, request)
    assert pending.action == "overrule" and "does not let it pass" in words and reason["visible"]
    picture, _, *looked = versions.show(digest, request)
    assert offered(tuple(looked)) == ["overrule"] and "gate: not passed" in picture
    said = versions.do(Pending("promote", "generator", digest, "t"), "", digest, request)[0]
    assert "Not promoted." in said and Promotions(world.database).active("emotion", "generator") is None


def test_what_the_engine_refuses_is_not_announced_and_can_be_rolled_back(world: World, versions: Handlers) -> None:
    services, request = world.services, world.by(world.root)
    services.start()
    assert services.wait(10).state == "ready"
    first = services.adapters["q-ra"].ref.digest
    folder = make_candidate(world.services.settings.state_dir / "q-ra", "reasoned", seed=5)
    adapter = load_adapter(folder)
    digest = register(world.database, services.settings, adapter).digest
    judged(world.database, services.settings, evidence(digest, first, "q-ra"))

    def refuses(_: FakeEngine, prompts: Any, choices: Any, adapter: Any = None) -> Any:
        raise AdapterError("The adapter does not fit the base.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeEngine, "score", refuses)
        said = confirmed(world, versions, "promote", digest)
    assert "is in use now" not in said and 'role="alert"' in said
    assert "q-ra v2 was put in use, but it does not answer" in said and "does not fit the base" in said
    assert services.adapters["q-ra"].ref.digest == first
    picture, _, *looked = versions.show(digest, request)
    assert offered(tuple(looked)) == ["back"] and "promoted, but does not answer" in picture
    assert offered(versions.choose(first, request)) == []
    assert "q-ra v1 is in use again in place of q-ra v2" in confirmed(world, versions, "rollback", digest)
    picture, _, *looked = versions.show(digest, request)
    assert offered(tuple(looked)) == ["promote"] and "does not answer" not in picture


def test_roll_back_is_offered_only_while_there_is_something_before(world: World, versions: Handlers) -> None:
    request, generator = world.by(world.root), world.services.generator
    assert generator is not None
    digest = world.promoted()
    assert offered(versions.choose(digest, request)) == ["back"]
    confirmed(world, versions, "rollback", digest)
    assert offered(versions.choose(generator.ref.digest, request)) == []


def test_what_was_measured_against_a_predecessor_can_be_overruled(world: World, versions: Handlers) -> None:
    request = world.by(world.root)
    late, digest = world.retrained(), world.promoted()  # both were measured against what came with rilearn
    looked = versions.choose(late, request)
    assert offered(looked) == ["overrule"] and "The gate lets it pass. It was measured against another" in looked[0]
    sent = Pending("promote", "generator", late, "t")  # as from a page drawn before
    said = versions.do(sent, "", late, request)[0]
    assert "came into use since" in said and "Retrain" in said and "overrule the gate with a written reason" in said
    words, *_ = versions.asking("overrule")(late, request)
    assert "in place of generator v3" in words and "does not let it pass" not in words and "measured against" in words
    assert "measured against another" not in versions.choose(digest, request)[0]  # the one in use replaced it
    assert "is in use now" in confirmed(world, versions, "overrule", late, "I read forty of both.")
    active = Promotions(world.database).active("emotion", "generator")
    assert active and (active.digest, active.previous, active.reason) == (late, digest, "I read forty of both.")


def test_a_version_is_promoted_again_after_its_job_folder_is_gone(world: World, versions: Handlers) -> None:
    digest = world.promoted()
    confirmed(world, versions, "rollback", digest)
    found = Versions(world.database).find(digest)
    assert found
    shutil.rmtree(found.folder)
    assert "generator v2 is in use now" in confirmed(world, versions, "promote", digest)
    assert world.services.generator and world.services.generator.ref.digest == digest
    confirmed(world, versions, "rollback", digest)
    shutil.rmtree(kept_at(world.services.settings, digest))
    said = confirmed(world, versions, "promote", digest)
    assert 'role="alert"' in said and found.folder in said and "is missing" in said


def test_a_version_trained_from_an_export_says_how_many_ratings(world: World, versions: Handlers) -> None:
    services, request = world.services, world.by(world.root)
    folder = make_candidate(services.settings.state_dir / "exported", "generator", seed=6)
    made = load_adapter(folder).manifest
    save_manifest(folder, made.model_copy(update={"data": {"ratings": 1124}}))
    digest = register(world.database, services.settings, load_adapter(folder)).digest
    detail, _, _, _, ratings, *_ = versions.choose(digest, request)
    assert "1,124 ratings, corrections or votes of an export are behind this version; which ones is not" in ratings
    assert "1,124 ratings, corrections or votes of an export" in detail and "no ratings" not in detail
    save_manifest(folder, made.model_copy(update={"data": {"ratings": 7, "simulated": "Their rule is stated."}}))
    assert "7 ratings, corrections or votes of simulated annotators" in versions.choose(digest, request)[0]
    # One of this database whose ratings were deleted, and one whose files are gone, are not of an export.
    save_manifest(folder, made.model_copy(update={"data": {"ratings": 1124, "behind": {"ratings": [9999]}}}))
    assert "No ratings are behind this version." in versions.choose(digest, request)[4]
    shutil.rmtree(folder)
    assert "No ratings are behind this version." in versions.choose(digest, request)[4]
