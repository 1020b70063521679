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
    """Opens once; a failure is told and tried again at the next use, so that a repair needs no restart. Thread-safe."""

    def __init__(self, url: str, folder: Path):
        self._url, self._folder = url, folder
        self._opening = threading.Lock()
        self._database: Database | None = None
        self._closed = False

    @property
    def database(self) -> Database:
        """The open database.

        Raises:
            StoreError: it cannot be opened, or the app is shutting down.
            ConfigError: its url is none.
        """
        with self._opening:
            if self._closed:
                raise StoreError("The app is shutting down.")
            if self._database is None:
                from rilearn.store.database import open_database

                self._database = open_database(self._url or None, self._folder)
            return self._database

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
