"""Versions: known by digest, numbered, with parents and all that is behind them; promotions as a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rilearn.adapters import Adapter, load_adapter
from rilearn.errors import AdapterError, InputError
from rilearn.records import Rating
from rilearn.store.database import Database
from rilearn.store.edits import Edits
from rilearn.store.impact import Impact, Part
from rilearn.store.mattered import Matters
from rilearn.store.people import People
from rilearn.store.promotions import Promotion, line
from rilearn.store.ratings import Ratings
from rilearn.store.schema import now
from rilearn.store.version_rows import Behind
from rilearn.store.versions import Edge, Versions
from tests.candidates import make_candidate, make_shipped


@pytest.fixture
def versions(database: Database) -> Versions:
    return Versions(database)


@pytest.fixture
def adapter(tmp_path: Path) -> Adapter:
    return load_adapter(make_candidate(tmp_path / "generator-2", "generator", seed=1))


def test_registering_again_changes_nothing(versions: Versions, adapter: Adapter) -> None:
    first = versions.register(adapter)
    assert first == versions.register(adapter) == versions.find(adapter.ref.digest)
    assert (first.name, first.kind, first.task, first.number, first.shipped) == (
        "generator-2",
        "generator",
        "",
        1,
        False,
    )
    assert versions.all() == [first] and versions.all("reasoned") == [] and versions.find("none") is None


def test_the_shipped_ones_are_roots_and_parents_come_before_children(versions: Versions, tmp_path: Path) -> None:
    made = make_shipped(tmp_path / "shipped")
    first = load_adapter(made / "generator")
    # By name the child would stand first.
    child = load_adapter(
        make_candidate(made / "a-child", "generator", seed=7, parents={"start_from": first.ref.digest, "data": "gone"})
    )
    versions.register_shipped([child, first, load_adapter(made / "q-ra"), load_adapter(made / "q-a")])
    found = versions.lineage()
    assert [(v.name, v.number) for v in found.versions if v.kind == "generator"] == [("generator", 1), ("a-child", 2)]
    assert all(v.shipped for v in found.versions) and len(found.versions) == 4
    assert set(found.edges) == {
        Edge(first.ref.digest, child.ref.digest, "start_from"),
        Edge("gone", child.ref.digest, "data"),
    }
    assert found.unknown == ("gone",)


def test_classifiers_are_numbered_by_task(versions: Versions, tmp_path: Path) -> None:
    for n, task in enumerate(("emotion", "support", "emotion")):
        versions.register(load_adapter(make_candidate(tmp_path / f"c{n}", "reasoned", seed=n, task=task)))
    assert [(v.task, v.number) for v in versions.all("reasoned")] == [("emotion", 1), ("support", 1), ("emotion", 2)]


def test_from_a_rating_to_its_versions_and_back(
    versions: Versions, adapter: Adapter, ratings: Ratings, edits: Edits, ann: int, item: int
) -> None:
    rating = ratings.rate(ann, item, Rating("poor"), "t").id
    edit = edits.edit(ann, item, "Grey clouds hold rain.", "t").id
    version = versions.register(adapter, Behind(ratings=(rating,), edits=(edit,)))
    assert (version.ratings, version.edits, version.votes, version.stale_at) == (1, 1, 0, None)
    assert versions.of_rating(rating) == versions.of_edit(edit) == [version]
    assert versions.behind(version.digest) == Behind(ratings=(rating,), edits=(edit,))
    assert versions.of_rating(99) == [] and versions.behind("none") == Behind()


def test_what_a_version_learnt_is_in_those_that_go_on_from_it(
    database: Database, versions: Versions, ratings: Ratings, edits: Edits, ann: int, item: int, tmp_path: Path
) -> None:
    first, second = (ratings.rate(ann, item, Rating("poor"), f"t{n}").id for n in range(2))
    edit = edits.edit(ann, item, "Grey clouds hold rain.", "t").id
    behind = [Behind(), Behind(ratings=(first,), edits=(edit,)), Behind(), Behind(ratings=(first, second))]
    made = []
    for n, held in enumerate(behind):
        parents = {"generator": made[-1].digest} if made else {}
        folder = make_candidate(tmp_path / f"g{n}", "generator", seed=n, parents=parents)
        made.append(versions.register(load_adapter(folder), held))
    parents = {"generator": made[1].digest}  # it learns from what that one writes, and does not go on from it
    versions.register(load_adapter(make_candidate(tmp_path / "c", "reasoned", parents=parents)))
    assert versions.of_rating(first) == [made[1], made[3]]
    assert versions.going_on_from(made[1:2]) == [(made[2], made[1]), (made[3], made[1])]
    assert versions.going_on_from([made[1], made[3]]) == [(made[2], made[1])]
    assert versions.going_on_from([]) == versions.going_on_from(made[3:]) == []
    impact, matters = Impact(database), Matters(database)
    assert impact.parts(ann, made[0].digest) == impact.parts(ann, "none") == []
    assert impact.parts(ann, made[2].digest) == [Part(made[1].digest, 1, 1)]
    assert impact.parts(ann, made[3].digest) == [Part(made[3].digest, 2, 0), Part(made[1].digest, 0, 1)]
    (found,) = matters.of(ann, made[2].digest, 9)
    assert found.correction == "Grey clouds hold rain." and matters.of(ann, made[0].digest, 9) == []


def test_what_was_deleted_before_it_was_registered_makes_it_stale(
    versions: Versions, adapter: Adapter, ratings: Ratings, ann: int, item: int
) -> None:
    rating = ratings.rate(ann, item, Rating("poor"), "t").id
    version = versions.register(adapter, Behind(ratings=(rating, rating + 1)))
    assert version.stale_at and version.ratings == 1


def test_deleting_who_corrected_makes_it_stale(
    versions: Versions, adapter: Adapter, edits: Edits, database: Database, ann: int, item: int
) -> None:
    edit = edits.edit(ann, item, "Grey clouds hold rain.", "t").id
    versions.register(adapter, Behind(edits=(edit,)))
    assert People(database).delete("ann").versions == (f"generator-2 ({adapter.ref.digest[:12]})",)
    found = versions.find(adapter.ref.digest)
    assert found and found.stale_at and found.edits == 0


def test_many_ratings_are_linked_in_steps(
    versions: Versions, adapter: Adapter, ratings: Ratings, ann: int, item: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rilearn.store.version_rows.AT_ONCE", 2)
    ids = tuple(ratings.rate(ann, item, Rating("poor"), f"t{n}").id for n in range(5))
    assert versions.register(adapter, Behind(ratings=ids)).ratings == 5


def test_a_manifest_that_names_no_ids_is_refused(versions: Versions, adapter: Adapter) -> None:
    wrong = adapter.manifest.model_copy(update={"data": {"behind": {"ratings": ["all"]}}})
    with pytest.raises(AdapterError, match=r"data\.behind"):
        versions.register(replace(adapter, manifest=wrong))
    assert versions.all() == []


def test_a_verdict_is_kept_with_its_version(versions: Versions, adapter: Adapter) -> None:
    with pytest.raises(InputError, match="Register"):
        versions.keep_verdict(adapter.ref.digest, {"passed": True})
    assert versions.register(adapter).verdict is None
    versions.keep_verdict(adapter.ref.digest, {"passed": False})
    found = versions.find(adapter.ref.digest)
    assert found and found.verdict == {"passed": False}


def promotions(*steps: str) -> list[Promotion]:
    made: list[Promotion] = []
    for n, step in enumerate(steps):
        before = made[-1].digest if made else "first"
        action = "rollback" if step.startswith("<") else "promote"
        made.append(Promotion(n, n, "t", "r", action, step.strip("<"), before, "", "", None, now()))  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("steps", "digests"),
    [
        ((), []),
        (("a",), ["first", "a"]),
        (("a", "b"), ["first", "a", "b"]),
        (("a", "b", "<a"), ["first", "a"]),
        (("a", "b", "<a", "<first"), ["first"]),
        (("a", "<first", "b"), ["first", "b"]),
        (("a", "b", "a", "<b"), ["first", "a", "b"]),
    ],
)
def test_a_rollback_takes_back_the_last_promotion(steps: tuple[str, ...], digests: list[str]) -> None:
    assert line(promotions(*steps)) == digests
