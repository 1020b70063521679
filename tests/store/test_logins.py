"""Sign-in: the right passphrase and nothing else, sessions that end, invitations that run out, guesses that wait."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from rilearn.errors import InputError
from rilearn.store.annotators import OWNER, Annotators
from rilearn.store.database import Database
from rilearn.store.exchange import Exchange
from rilearn.store.invitations import Invitations
from rilearn.store.logins import Logins
from rilearn.store.passphrases import FREE, FREE_ADDRESS, LONGEST_WAIT, Guesses, hashed, matches
from rilearn.store.people import People
from rilearn.store.schema import AnnotatorRow, now
from rilearn.store.schema_annotation import InvitationRow, LoginRow

PHRASE = "grey clouds bring rain"


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(database: Database, clock: Clock) -> Logins:
    return Logins(database, Guesses(clock))


@pytest.fixture
def invitations(database: Database) -> Invitations:
    return Invitations(database)


def test_a_passphrase_signs_in_until_sign_out(logins: Logins, ann: int, database: Database) -> None:
    logins.set_passphrase(ann, PHRASE)
    secret = logins.sign_in(" ann ", PHRASE, "here")
    found = logins.who(secret)
    assert found and (found.id, found.name, found.role) == (ann, "ann", "annotator")
    with database.read() as session:
        kept = session.scalars(select(LoginRow.digest)).one() + session.scalars(select(AnnotatorRow.passphrase)).one()
    assert secret not in kept and PHRASE not in kept and "$argon2id$" in kept
    logins.end(secret)
    assert logins.who(secret) is None


@pytest.mark.parametrize(
    ("name", "passphrase"),
    [("ann", "grey clouds bring snow"), ("ann", ""), ("nobody", PHRASE), ("bob", ""), ("", ""), ("ann", "x" * 5000)],
)
def test_anything_else_does_not(
    logins: Logins, ann: int, bob: int, name: str, passphrase: str, database: Database
) -> None:
    logins.set_passphrase(ann, PHRASE)  # bob has none
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in(name, passphrase)
    with database.read() as session:
        assert session.scalars(select(LoginRow)).all() == []


def test_sessions_end_with_time_deactivation_and_a_new_passphrase(
    logins: Logins, ann: int, bob: int, database: Database
) -> None:
    old, changed, off = logins.begin(ann), logins.begin(bob), logins.begin(bob)
    assert all(logins.who(secret) for secret in (old, changed, off))
    with database.write() as session:
        session.execute(update(LoginRow).filter_by(annotator_id=ann).values(expires_at=now() - timedelta(seconds=1)))
    assert logins.who(old) is None
    logins.set_passphrase(bob, PHRASE)
    assert logins.who(changed) is None
    fresh = logins.sign_in("bob", PHRASE)
    with database.write() as session:
        session.execute(update(AnnotatorRow).filter_by(name="bob").values(deactivated_at=now()))
    assert logins.who(fresh) is None
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in("bob", PHRASE)
    assert logins.who("") is None and logins.who("\ud800") is None


def test_the_owners_passphrase_makes_the_admin(logins: Logins, annotators: Annotators) -> None:
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in(OWNER, "")
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in(OWNER, "another one", owner=PHRASE)
    assert annotators.find(OWNER) is None
    for _ in range(2):
        found = logins.who(logins.sign_in(OWNER, PHRASE, owner=PHRASE))
        assert found and found.role == "admin"
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in("ann", PHRASE, owner=PHRASE)


def test_wrong_tries_make_a_name_wait(logins: Logins, ann: int, clock: Clock) -> None:
    logins.set_passphrase(ann, PHRASE)
    for _ in range(FREE):
        with pytest.raises(InputError, match="wrong\\."):
            logins.sign_in("ann", "wrong one")
    with pytest.raises(InputError, match="Wait 1 seconds"):
        logins.sign_in("ANN", PHRASE)
    clock.time += 1.1
    assert logins.sign_in("ann", PHRASE)
    assert logins.sign_in("ann", PHRASE)


def test_the_wait_doubles_and_has_an_end_and_many_at_once_are_counted(clock: Clock) -> None:
    guesses = Guesses(clock)

    def attempt(_: int) -> bool:
        try:
            guesses.begin("ann", "")
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, range(64))) == FREE
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        clock.time += min(wait, LONGEST_WAIT) - 0.5
        assert not attempt(0)
        clock.time += 0.6
        assert attempt(0)
    for number in range(FREE_ADDRESS):
        guesses.begin(f"name {number}", "here")
    with pytest.raises(InputError, match="Too many"):
        guesses.begin("somebody else", "here")
    guesses.begin("somebody else", "elsewhere")


def test_hashes_are_salted_and_short_passphrases_refused() -> None:
    one, two = hashed(PHRASE), hashed(PHRASE)
    assert one != two and matches(one, PHRASE) and matches(two, PHRASE)
    assert not matches(one, f"{PHRASE}.") and not matches(None, PHRASE) and not matches("no hash", PHRASE)
    with pytest.raises(InputError, match="at least"):
        hashed("short")


def test_a_login_provider_names_somebody_once(logins: Logins, ann: int, database: Database) -> None:
    first = logins.of_subject("hf:1", "ann")
    again = logins.of_subject("hf:1", "renamed")
    assert first and again == first and first.name == "ann 2" and first.id != ann
    with database.write() as session:
        session.execute(update(AnnotatorRow).filter_by(id=first.id).values(deactivated_at=now()))
    assert logins.of_subject("hf:1", "ann") is None
    other = logins.of_subject("hf:2", "owner", "admin")
    assert other and other.role == "admin"


def test_an_invitation_lets_in_as_many_as_it_says(
    invitations: Invitations, logins: Logins, annotators: Annotators, database: Database
) -> None:
    secret = invitations.make("admin", uses=2)
    with pytest.raises(InputError, match="at least"):
        invitations.join(secret, "cleo", "short")
    cleo = logins.who(invitations.join(secret, "  cleo   b ", PHRASE))
    assert cleo and (cleo.name, cleo.role) == ("cleo b", "admin")
    assert logins.who(logins.sign_in("cleo b", PHRASE)) == cleo
    for name in ("cleo b", "CLEO B", "Admin"):
        with pytest.raises(InputError, match="taken"):
            invitations.join(secret, name, PHRASE)  # uses nothing up
    assert invitations.join(secret, "dan", PHRASE)
    with pytest.raises(InputError, match="not valid"):
        invitations.join(secret, "eve", PHRASE)
    assert annotators.find("eve") is None
    with database.read() as session:
        assert secret not in session.scalars(select(InvitationRow.digest)).one()


def test_an_invitation_expires_and_a_wrong_one_is_none(invitations: Invitations, database: Database) -> None:
    secret = invitations.make()
    with database.write() as session:
        session.execute(update(InvitationRow).values(expires_at=now()))
    for wrong in (secret, "", "made up"):
        with pytest.raises(InputError, match="not valid"):
            invitations.join(wrong, "eve", PHRASE)
    for mistake in ({"role": "owner"}, {"uses": 0}, {"days": 0}):
        with pytest.raises(InputError):
            invitations.make(**mistake)  # type: ignore[arg-type]


def test_one_use_is_one_person_even_at_the_same_moment(
    invitations: Invitations, reopen: Callable[[], Database]
) -> None:
    secret = invitations.make(uses=3)

    def join(number: int) -> bool:
        try:
            Invitations(database).join(secret, f"person {number}", PHRASE)
        except InputError:
            return False
        return True

    database = reopen()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(join, range(8))) == 3


def test_open_mode_takes_a_name_without_a_passphrase(invitations: Invitations, logins: Logins) -> None:
    guest = logins.who(invitations.join_open("guest"))
    assert guest and guest.role == "annotator"
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in("guest", "")
    with pytest.raises(InputError, match="taken"):
        invitations.join_open("Guest", PHRASE)


def test_nobody_joins_or_signs_in_as_somebody_who_is_there(
    invitations: Invitations, logins: Logins, annotators: Annotators, database: Database, ann: int, tmp_path: Path
) -> None:
    """Not as an annotator or admin with a passphrase, nor as one by login provider, nor as one who came by import."""
    logins.set_passphrase(ann, PHRASE)
    logins.set_passphrase(annotators.add("\u00c9va", "admin").id, PHRASE)
    assert (subject := logins.of_subject("huggingface:1", "hugo"))
    row = {"annotator": "p-1", "annotator_name": "ira", "token": "t", "created_at": "2026-01-01T00:00:00+00:00"}
    about = {name: "x" for name in ("text", "label", "reasoning", "task", "source", "corrected")}
    empty = {name: "" for name in ("split", "adapter", "adapter_digest", "prompt_version")}
    file = tmp_path / "corrections.jsonl"
    file.write_text(json.dumps({**row, **about, **empty, "sampling": None, "signals": {}}))
    assert Exchange(database).bring(file).new == 1 and annotators.find("ira")
    known = annotators.called("ann").pseudonym
    open_one = invitations.make("admin", uses=50)
    before = sorted(person.name for person in People(database).all())
    # SQLite knows the case of ASCII alone; the last one has its accent apart.
    eva = ("\u00c9va", "\u00e9va", "E\u0301va")
    for name in ("ann", " ANN ", "\uff41nn", *eva, "hugo", "Hugo", "ira", "p-1", "P-1", known, "Admin"):
        with pytest.raises(InputError, match="taken"):
            invitations.join_open(name)
    for name in ("ann", "\u00c9va", "hugo", "ira", "p-1"):
        with pytest.raises(InputError, match="taken"):
            invitations.join_open(name, "another passphrase")
        with pytest.raises(InputError, match="taken"):
            invitations.join(open_one, name, "another passphrase")
        for passphrase in ("", "another passphrase"):
            with pytest.raises(InputError, match="wrong"):
                logins.sign_in(name, passphrase)
    assert sorted(person.name for person in People(database).all()) == before
    for number, name in enumerate(("ann", "Ira", "\u00c9VA", "admin")):  # nor by a login provider's name
        found = logins.of_subject(f"huggingface:1{number}", name)
        assert found and found.name == f"{name} 2" and found.role == "annotator"
    assert logins.of_subject("huggingface:1", "ann") == subject


def test_who_was_called_admin_elsewhere_does_not_become_the_owner(logins: Logins, annotators: Annotators) -> None:
    stranger = logins.of_subject("huggingface:7", OWNER)
    owner = logins.who(logins.sign_in(OWNER, PHRASE, owner=PHRASE))
    assert stranger and owner and owner.id != stranger.id
    again = logins.of_subject("huggingface:7", OWNER)
    assert again == stranger and again.role == "annotator"
