"""What the commands of `python -m rilearn.store` share: their shape, --dry-run, and how they speak."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from rilearn.store.database import Database

Arguments = argparse.Namespace
Commands = Mapping[str, tuple[Callable[[argparse.ArgumentParser], object], Callable[[Database, Arguments], None]]]
"""Name -> its arguments, and what it does; its docstring is the help."""


def dry_run(to: argparse.ArgumentParser) -> None:
    to.add_argument("--dry-run", action="store_true", help="say what would happen and change nothing")


def say(to: Arguments, words: str) -> None:
    """A line; signs in people's texts that a terminal would obey are shown as a replacement sign."""
    before = "would be: " if getattr(to, "dry_run", False) else ""
    print(before + "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in words))
