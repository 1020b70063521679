"""Stages of a pipeline without a process of their own: this one has torch imported already."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest


def here(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
    """Stands for `subprocess.run` and runs the command in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words[2:])
        importlib.import_module(words[2]).main(words[3:])
    return subprocess.CompletedProcess(words, 0)
