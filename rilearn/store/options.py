"""What the project's owner chose for the Rate tab; append-only, so that one can see later what held when."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, get_args

from sqlalchemy import func, select

from rilearn.errors import InputError
from rilearn.store.database import Database
from rilearn.store.queue import Order
from rilearn.store.schema_annotation import OptionRow


@dataclass(frozen=True)
class Options:
    """`blind`: annotators guess the label first unless they choose otherwise. `calibration`: the share of items with a
    known answer, 0 to 1. `feedback`: annotators are told when they missed one. `order`: of the queue."""

    blind: bool = False
    calibration: float = 0.0
    feedback: bool = False
    order: Order = "mixed"


class Choices:
    """Reads and sets the options."""

    def __init__(self, database: Database):
        self._database = database

    def now(self) -> Options:
        """The options that hold.

        Raises:
            StoreError: see `Database.read`.
        """
        newest = select(func.max(OptionRow.id)).group_by(OptionRow.name)
        with self._database.read() as session:
            rows = session.scalars(select(OptionRow).where(OptionRow.id.in_(newest)))
            kept = {row.name: row.value["value"] for row in rows}
        return replace(Options(), **{field.name: kept[field.name] for field in fields(Options) if field.name in kept})

    def choose(self, admin_id: int, options: Options) -> None:
        """Set the options; what stays as it was makes no new row.

        Raises:
            InputError: an unknown order, or a share that is none.
            StoreError: see `Database.write`.
        """
        if options.order not in get_args(Order):
            raise InputError(f"There is no order '{options.order}': {', '.join(get_args(Order))}.")
        if not math.isfinite(options.calibration) or not 0 <= options.calibration <= 1:
            raise InputError("The share of calibration items lies between 0 and 1.")
        before: dict[str, Any] = asdict(self.now())
        changed = {name: value for name, value in asdict(options).items() if value != before[name]}
        with self._database.write() as session:
            session.add_all(
                OptionRow(name=name, value={"value": value}, made_by=admin_id) for name, value in changed.items()
            )
