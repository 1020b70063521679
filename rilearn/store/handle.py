"""The database as the app holds it: opened when somebody first needs it, since SQLAlchemy and Alembic load slowly."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rilearn.errors import StoreError

if TYPE_CHECKING:
    from rilearn.records import Proposal
    from rilearn.store.database import Database
    from rilearn.store.votes import Votes


class Store:
    """Opens once; a failure is told and tried again at the next use, so that a repair needs no restart. Thread-safe.

    Ask for the database anew for each piece of work, and keep nothing that holds it.
    """

    def __init__(self, url: str, folder: Path):
        self._url, self._folder = url, folder
        self._opening = threading.Lock()
        self._database: Database | None = None
        self._closed = False

    @property
    def database(self) -> Database:
        """The open database; opened anew when another file was put in its place.

        Raises:
            StoreError: it cannot be opened, or the app is shutting down.
            ConfigError: its url is none.
        """
        with self._opening:
            if self._closed:
                raise StoreError("The app is shutting down.")
            if self._database is not None and self._database.replaced():
                self._database.close()  # first: this deletes the lost file's log, which is not the new one's
                self._database = None
            if self._database is None:
                from rilearn.store.database import open_database

                self._database = open_database(self._url or None, self._folder)
            return self._database

    @property
    def opened(self) -> bool:
        """Whether somebody has needed it yet."""
        return self._database is not None

    def votes(self) -> Votes:
        """The blind votes; raises as `database` does."""
        from rilearn.store.votes import Votes

        return Votes(self.database)

    def share(self, visitor: str, proposal: Proposal) -> bool:
        """See `Shares.share`; raises as that and `database` do."""
        from rilearn.store.filling import Plan
        from rilearn.store.shares import Shares

        return Shares(self.database).share(visitor, proposal, Plan())

    def close(self) -> None:
        with self._opening:
            database, self._database, self._closed = self._database, None, True
        if database is not None:
            database.close()
