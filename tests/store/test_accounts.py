"""Accounts: one's own passphrase and sessions, and what an admin may and may not do to others'."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from rilearn.errors import InputError
from rilearn.records import Rating
from rilearn.store.accounts import Account, Accounts
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.logins import OWNER, Logins
from rilearn.store.passphrases import FREE, Guesses
from rilearn.store.ratings import Ratings
from rilearn.store.schema import AnnotatorRow, RatingRow, now
from rilearn.store.schema_annotation import LoginRow

OLD, NEW = "grey clouds bring rain", "white clouds bring none"


@pytest.fixture
def guesses() -> Guesses:
    return Guesses(lambda: 0.0)


@pytest.fixture
def logins(database: Database, guesses: Guesses) -> Logins:
    return Logins(database, guesses)


@pytest.fixture
def accounts(database: Database, guesses: Guesses) -> Accounts:
    return Accounts(database, guesses)


@pytest.fixture
def root(annotators: Annotators) -> int:
    return annotators.add("root", "admin").id


def by_name(accounts: Accounts) -> dict[str, Account]:
    return {account.name: account for account in accounts.all()}


def test_the_list_counts_what_holds_and_says_who_was_seen_when(
    accounts: Accounts, logins: Logins, ratings: Ratings, database: Database, ann: int, bob: int, root: int, item: int
) -> None:
    ratings.rate(ann, item, Rating("good"), "one")
    ratings.rate(ann, item, Rating("poor"), "two")
    logins.begin(ann)
    logins.begin(bob)
    later = now() + timedelta(hours=1)
    with database.write() as session:
        last = select(func.max(RatingRow.id)).scalar_subquery()
        session.execute(update(RatingRow).where(RatingRow.id == last).values(created_at=later))
        session.execute(update(LoginRow).filter_by(annotator_id=bob).values(created_at=later))
    listed = accounts.all()
    assert [account.name for account in listed] == ["ann", "bob", "root"]
    assert [(a.ratings, a.role, a.active) for a in listed] == [
        (1, "annotator", True),
        (0, "annotator", True),
        (0, "admin", True),
    ]
    assert [account.seen_at for account in listed] == [later, later, None]


def test_a_change_needs_the_old_one_and_ends_the_other_sessions(
    accounts: Accounts, logins: Logins, ann: int, bob: int
) -> None:
    logins.set_passphrase(ann, OLD)
    here, elsewhere, others = logins.begin(ann), logins.begin(ann), logins.begin(bob)
    with pytest.raises(InputError, match="old passphrase is wrong"):
        accounts.change_passphrase(ann, NEW, NEW)
    with pytest.raises(InputError, match="at least"):
        accounts.change_passphrase(ann, OLD, "short")
    assert logins.who(here) and logins.sign_in("ann", OLD)
    fresh = accounts.change_passphrase(ann, OLD, NEW)
    assert logins.who(fresh) and not logins.who(here) and not logins.who(elsewhere) and logins.who(others)
    assert logins.sign_in("ann", NEW)
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in("ann", OLD)


def test_who_has_none_sets_the_first_one_and_nobody_the_owners(
    accounts: Accounts, logins: Logins, ann: int, root: int
) -> None:
    assert not accounts.has_passphrase(ann)
    accounts.change_passphrase(ann, "", NEW)
    assert accounts.has_passphrase(ann) and logins.sign_in("ann", NEW)
    owner = logins.who(logins.sign_in(OWNER, OLD, owner=OLD))
    assert owner
    for change in (
        lambda: accounts.change_passphrase(owner.id, "", NEW),
        lambda: accounts.reset_passphrase(root, owner.id, NEW),
        lambda: accounts.set_active(root, owner.id, False),
    ):
        with pytest.raises(InputError, match="RILEARN_ADMIN_PASSPHRASE"):
            change()
    with pytest.raises(InputError, match="Sign in again"):
        accounts.change_passphrase(10**6, "", NEW)


def test_tries_at_the_old_one_are_counted_with_those_at_the_sign_in(
    accounts: Accounts, logins: Logins, ann: int
) -> None:
    logins.set_passphrase(ann, OLD)
    for _ in range(FREE):
        with pytest.raises(InputError, match="old passphrase is wrong"):
            accounts.change_passphrase(ann, "a guess at it", NEW)
    for attempt in (lambda: accounts.change_passphrase(ann, OLD, NEW), lambda: logins.sign_in("ann", OLD)):
        with pytest.raises(InputError, match="Too many"):
            attempt()


def test_signing_out_everywhere_ends_ones_own_sessions_alone(
    accounts: Accounts, logins: Logins, ann: int, bob: int
) -> None:
    mine, other = [logins.begin(ann) for _ in range(3)], logins.begin(bob)
    accounts.sign_out(ann)
    assert not any(logins.who(secret) for secret in mine) and logins.who(other)


def test_an_admin_lets_somebody_out_and_in_again(
    accounts: Accounts, logins: Logins, ratings: Ratings, ann: int, root: int, item: int
) -> None:
    logins.set_passphrase(ann, OLD)
    ratings.rate(ann, item, Rating("good"), "one")
    held = logins.begin(ann)
    for _ in range(2):
        accounts.set_active(root, ann, False)
    assert not logins.who(held) and not by_name(accounts)["ann"].active
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in("ann", OLD)
    accounts.set_active(root, ann, True)
    assert not logins.who(held) and logins.sign_in("ann", OLD)
    assert by_name(accounts)["ann"].active and by_name(accounts)["ann"].ratings == 1


def test_an_admin_sets_anothers_passphrase(accounts: Accounts, logins: Logins, ann: int, root: int) -> None:
    logins.set_passphrase(ann, OLD)
    held = logins.begin(ann)
    accounts.reset_passphrase(root, ann, NEW)
    assert not logins.who(held) and logins.sign_in("ann", NEW)


def test_nobody_else_does_and_an_admin_not_to_themselves(
    accounts: Accounts, annotators: Annotators, ann: int, bob: int, root: int
) -> None:
    gone = annotators.add("gone", "admin").id
    accounts.set_active(root, gone, False)
    before = accounts.all()
    for who, whom, said in ((ann, bob, "Only an admin"), (gone, ann, "Only an admin"), (10**6, ann, "Only an admin")):
        with pytest.raises(InputError, match=said):
            accounts.set_active(who, whom, False)
        with pytest.raises(InputError, match=said):
            accounts.reset_passphrase(who, whom, NEW)
    for whom, said in ((root, "yourself|under your name"), (10**6, "no such annotator")):
        with pytest.raises(InputError, match=said):
            accounts.set_active(root, whom, False)
        with pytest.raises(InputError, match=said):
            accounts.reset_passphrase(root, whom, NEW)
    assert accounts.all() == before and not any(accounts.has_passphrase(i) for i in (ann, bob, root))


def test_two_admins_who_deactivate_each_other_leave_one(
    reopen: Callable[[], Database], annotators: Annotators, root: int
) -> None:
    other = annotators.add("other", "admin").id
    database = reopen()

    def deactivate(pair: tuple[int, int]) -> bool:
        try:
            Accounts(database, Guesses()).set_active(*pair, active=False)
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(deactivate, ((root, other), (other, root)))) == 1
    with database.read() as session:
        assert session.scalar(select(func.count()).where(AnnotatorRow.deactivated_at.is_(None))) == 1
