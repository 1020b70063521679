"""cells: no cell opens like a formula, and what comes back is what went out."""

from __future__ import annotations

import pytest

from rilearn.cells import defused, restored


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "''@x", "'quoted'", "plain", "", "'", "x=1"]
)
def test_there_and_back(cell: str) -> None:
    assert restored(defused(cell)) == cell and not defused(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
