"""Empty databases that are migrated already: to migrate one for each test would take longer than most tests do."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from rilearn.store.database import FILE, open_database


def lay(folder: Path) -> Path:
    """Put an empty SQLite database of today's schema into `folder`, as `open_database` would make it there."""
    folder.mkdir(mode=0o700)
    file = folder / FILE
    file.write_bytes(_empty())
    file.chmod(0o600)
    return folder


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        open_database(None, Path(folder)).close()  # which writes its log into the file
        return (Path(folder) / FILE).read_bytes()
