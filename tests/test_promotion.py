"""Promotion and rollback: what is refused, what is kept, who may, and which version is in use whatever happens."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rilearn import kept
from rilearn.adapters import MANIFEST, WEIGHTS, load_adapter
from rilearn.errors import AdapterError, InputError, PromotionRefused, StoreError
from rilearn.gate import Duel, Thresholds, Verdict, judge
from rilearn.kept import find, kept_at
from rilearn.promotion import judged, promote, rollback
from rilearn.records import Rating
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database, open_database
from rilearn.store.people import People
from rilearn.store.promotions import Promotions
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.versions import Versions
from tests.candidates import evidence, make_candidate, make_shipped
from tests.migrated import lay
from tests.store.conftest import reasoning


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_shipped(tmp_path / "adapters")
    return Settings(adapters=tmp_path / "adapters", state=lay(tmp_path / "state"), database_url="")


@pytest.fixture
def database(settings: Settings) -> Any:
    made = open_database(None, settings.state_dir)
    yield made
    made.close()


@pytest.fixture
def admin(database: Database) -> int:
    return Annotators(database).add("ada", "admin").id


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return make_candidate(tmp_path / "runs" / "generator-2", "generator", seed=1)


def digest(folder: Path) -> str:
    return load_adapter(folder).ref.digest


def passed(folder: Path, current: str, role: Any = "generator", good: bool = True) -> Verdict:
    held = evidence(digest(folder), current, role, 90 if good else 10)
    return judge(held, Thresholds.of(Settings()))


@pytest.fixture
def first(settings: Settings) -> str:
    """The digest of the shipped generator."""
    return digest(settings.adapters / "generator")


@pytest.fixture
def put(database: Database, settings: Settings, admin: int) -> Callable[..., Any]:
    def put(folder: Path, current: str, token: str = "one", **more: Any) -> Any:
        verdict = more.pop("verdict", None) or passed(folder, current)
        given = {"role": "generator", "who": admin, **more}
        return promote(database, settings, folder=folder, verdict=verdict, token=token, **given)

    return put


def in_use(database: Database, role: str = "generator") -> str:
    found = Promotions(database).active("emotion", role)
    return found.digest if found else ""


def test_a_promotion_keeps_the_files_and_says_who_and_why(
    put: Callable[..., Any], new: Path, first: str, database: Database, settings: Settings
) -> None:
    done = put(new, first)
    assert (done.role, done.action, done.digest, done.previous) == ("generator", "promote", digest(new), first)
    assert done.who == "ada" and done.verdict["passed"] and done.reason == "" and done.turn == 1
    shutil.rmtree(new)  # nothing is read from where it was trained any more
    adapter = find(settings, "generator", done.digest, [])
    assert adapter.ref.path == kept_at(settings, done.digest) and adapter.ref.digest == done.digest
    assert {p.name for p in adapter.ref.path.iterdir()} == {WEIGHTS, MANIFEST, "adapter_config.json", "README.md"}
    names = [(v.name, v.number, v.shipped) for v in Versions(database).all("generator")]
    assert names == [("generator", 1, True), ("generator-2", 2, False)]


def test_the_same_request_again_is_the_same_promotion(put: Callable[..., Any], new: Path, first: str) -> None:
    assert put(new, first) == put(new, first)
    with pytest.raises(InputError, match="in use already"):
        put(new, first, token="two")


def test_a_verdict_that_did_not_pass_is_refused_unless_overruled_in_writing(
    put: Callable[..., Any], new: Path, first: str, database: Database
) -> None:
    bad = passed(new, first, good=False)
    with pytest.raises(PromotionRefused, match="must begin above 50%"):
        put(new, first, verdict=bad, overrule_reason=" ")
    assert in_use(database) == ""
    done = put(new, first, verdict=bad, overrule_reason=" Read thirty of them myself. ")
    assert done.reason == "Read thirty of them myself." and done.verdict["passed"] is False
    assert in_use(database) == digest(new)


def test_a_verdict_about_something_else_is_refused(
    put: Callable[..., Any], new: Path, first: str, tmp_path: Path, database: Database
) -> None:
    other = make_candidate(tmp_path / "other", "generator", seed=2)
    with pytest.raises(PromotionRefused, match="another model or role"):
        put(new, first, verdict=passed(other, first))
    with pytest.raises(PromotionRefused, match="another model or role"):
        put(new, first, verdict=passed(new, first, role="q-ra"), overrule_reason="I want it")
    with pytest.raises(PromotionRefused, match="came into use since"):
        put(new, digest(other))
    assert in_use(database) == ""


def test_only_an_admin_promotes_and_rolls_back(
    put: Callable[..., Any], new: Path, first: str, database: Database, settings: Settings
) -> None:
    ann = Annotators(database).add("ann").id
    for who in (ann, 999):
        with pytest.raises(InputError, match="Only an admin"):
            put(new, first, who=who)
    assert not (settings.state_dir / "versions").exists()  # nobody fills the disk either
    put(new, first)
    with pytest.raises(InputError, match="Only an admin"):
        rollback(database, settings, "generator", ann, "back", digest(new))
    assert in_use(database) == digest(new)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-5]), "cannot be read"),
        (lambda f: (f / WEIGHTS).write_bytes(b"not safetensors at all"), "cannot be read"),
        (lambda f: (f / WEIGHTS).unlink(), "is missing"),
        (lambda f: (f / MANIFEST).write_text("{"), "cannot be read"),
        (lambda f: rewrite(f, '"prompt_version": "1"', '"prompt_version": "0"'), "prompt version 0"),
        (lambda f: rewrite(f, '"base": "embedded"', '"base": "org/other"'), "belongs to base"),
        (lambda f: rewrite(f, '"kind": "generator"', '"kind": "direct"'), "is a direct adapter"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    harm: Callable[[Path], object],
    said: str,
    put: Callable[..., Any],
    new: Path,
    first: str,
    database: Database,
    settings: Settings,
) -> None:
    verdict = passed(new, first)
    harm(new)
    with pytest.raises(AdapterError, match=said):
        put(new, first, verdict=verdict)
    assert in_use(database) == "" and not (settings.state_dir / "versions").exists()


def rewrite(folder: Path, old: str, to: str) -> None:
    text = (folder / MANIFEST).read_text()
    assert old in text
    (folder / MANIFEST).write_text(text.replace(old, to))


def test_a_classifier_of_another_task_is_refused(put: Callable[..., Any], tmp_path: Path, settings: Settings) -> None:
    other = make_candidate(tmp_path / "support", "reasoned", task="support")
    current = digest(settings.adapters / "q-ra")
    with pytest.raises(AdapterError, match="task 'support', not for 'emotion'"):
        put(other, current, role="q-ra", verdict=passed(other, current, role="q-ra"))


def test_weights_changed_after_they_were_measured_are_refused(put: Callable[..., Any], new: Path, first: str) -> None:
    verdict = passed(new, first)
    shutil.copy(make_candidate(new.parent / "other", "generator", seed=5) / WEIGHTS, new / WEIGHTS)
    with pytest.raises(PromotionRefused, match="another model"):
        put(new, first, verdict=verdict)


def test_a_folder_that_changes_under_the_copy_is_refused(
    put: Callable[..., Any], new: Path, first: str, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    copy = kept._copy

    def copied(source: Path, target: Path) -> None:
        copy(source, target)
        (target / WEIGHTS).write_bytes(b"other")

    monkeypatch.setattr(kept, "_copy", copied)
    with pytest.raises(AdapterError, match="changed while"):
        put(new, first)
    assert in_use(database) == ""


def test_a_full_disk_leaves_the_old_one(
    put: Callable[..., Any], new: Path, first: str, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kept, "_copy", full)
        with pytest.raises(StoreError, match="No space left"):
            put(new, first)
    assert in_use(database) == ""
    assert put(new, first).turn == 1


def test_rollback_goes_back_step_by_step(
    put: Callable[..., Any], new: Path, first: str, tmp_path: Path, database: Database, settings: Settings, admin: int
) -> None:
    third = make_candidate(tmp_path / "runs" / "generator-3", "generator", seed=3)
    put(new, first)
    put(third, digest(new), token="two")
    back = rollback(database, settings, "generator", admin, "b1", digest(third), reason="It writes nonsense.")
    assert (back.action, back.digest, back.previous) == ("rollback", digest(new), digest(third))
    assert back.reason == "It writes nonsense." and in_use(database) == digest(new)
    assert rollback(database, settings, "generator", admin, "b1", digest(third)) == back  # a retry
    with pytest.raises(InputError, match="Another version"):  # a second admin, a moment later
        rollback(database, settings, "generator", admin, "b2", digest(third))
    assert rollback(database, settings, "generator", admin, "b3", digest(new)).digest == first
    with pytest.raises(InputError, match="no version before"):
        rollback(database, settings, "generator", admin, "b4", first)
    assert [p.turn for p in Promotions(database).history("emotion", "generator")] == [4, 3, 2, 1]
    assert put(third, first, token="again").previous == first


def test_rollback_to_the_beginning_is_to_what_ships_by_now(
    put: Callable[..., Any], new: Path, first: str, tmp_path: Path, database: Database, settings: Settings, admin: int
) -> None:
    put(new, first)
    shutil.rmtree(settings.adapters / "generator")
    updated = digest(make_candidate(settings.adapters / "generator", "generator", seed=8))
    assert rollback(database, settings, "generator", admin, "b", digest(new)).digest == updated
    shutil.rmtree(settings.adapters / "generator")
    again = digest(make_candidate(settings.adapters / "generator", "generator", seed=9))
    assert put(new, again, token="two").previous == again


def test_rollback_without_a_promotion(database: Database, settings: Settings, admin: int) -> None:
    with pytest.raises(InputError, match="no version before"):
        rollback(database, settings, "generator", admin, "b", "")


def test_rollback_to_files_that_are_gone_or_damaged_is_refused(
    put: Callable[..., Any], new: Path, first: str, tmp_path: Path, database: Database, settings: Settings, admin: int
) -> None:
    third = make_candidate(tmp_path / "runs" / "generator-3", "generator", seed=3)
    put(new, first)
    put(third, digest(new), token="two")
    (kept_at(settings, digest(new)) / WEIGHTS).write_bytes((third / WEIGHTS).read_bytes())
    with pytest.raises(AdapterError, match="damaged"):
        rollback(database, settings, "generator", admin, "b", digest(third))
    shutil.rmtree(kept_at(settings, digest(new)))
    with pytest.raises(AdapterError, match="Promote its folder again"):
        rollback(database, settings, "generator", admin, "b", digest(third))
    assert in_use(database) == digest(third)


def test_a_damaged_copy_is_made_again(put: Callable[..., Any], new: Path, first: str, settings: Settings) -> None:
    folder = kept_at(settings, digest(new))
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(b"half")
    folder.with_name(f"{folder.name}.tmp").mkdir()
    put(new, first)
    assert find(settings, "generator", digest(new), []).ref.path == folder
    assert not folder.with_name(f"{folder.name}.tmp").exists()


def test_the_ratings_of_the_manifest_are_behind_the_version(
    put: Callable[..., Any], tmp_path: Path, first: str, database: Database
) -> None:
    ann = Annotators(database).add("ann").id
    (item,) = Reasonings(database).add([reasoning()])
    rating = Ratings(database).rate(ann, item, Rating("good"), "t").id
    folder = make_candidate(tmp_path / "c", "generator", seed=4, behind={"ratings": [rating]})
    put(folder, first)
    (version,) = Versions(database).of_rating(rating)
    assert version.digest == digest(folder) and version.stale_at is None and version.ratings == 1
    People(database).delete("ann")
    found = Versions(database).find(digest(folder))
    assert found and found.stale_at and found.ratings == 0
    assert in_use(database) == digest(folder)


def test_the_gate_reads_the_votes_and_keeps_its_verdict(database: Database, settings: Settings, new: Path) -> None:
    held = passed(new, "old").evidence
    with pytest.raises(InputError, match="Register"):
        judged(database, settings, held)
    Versions(database).register(load_adapter(new))
    verdict = judged(database, settings, held)
    assert verdict.passed and verdict.judged_by == "judge" and verdict.evidence.votes == Duel()
    found = Versions(database).find(digest(new))
    assert found and Verdict.model_validate(found.verdict) == verdict
