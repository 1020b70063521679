"""Ratings by annotator and day, counted along an index: to group a million rows by a computed day takes seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import column, func, select, true, values
from sqlalchemy.orm import Session

from rilearn.store.schema import AnnotatorRow, RatingRow, UTCTime

DAY = timedelta(days=1)


def by_annotator_and_day(session: Session) -> list[tuple[int, str, int, int]]:
    """(annotator's id, UTC day as 2026-01-31, ratings that hold, how many of them are good), by annotator, then day;
    days without a rating are left out."""
    own = select(RatingRow.created_at).where(RatingRow.annotator_id == AnnotatorRow.id).limit(1)
    first = own.order_by(RatingRow.created_at).scalar_subquery()
    last = own.order_by(RatingRow.created_at.desc()).scalar_subquery()
    begun, ended = session.execute(select(func.min(first), func.max(last))).one()
    if begun is None:
        return []
    begun, ended = (
        moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) for moment in (begun, ended)
    )
    moments = [begun + DAY * n for n in range((ended - begun).days + 1)]
    days = values(column("begin", UTCTime), column("end", UTCTime), name="days").data([(m, m + DAY) for m in moments])
    day = days.cte("days")
    counted = (
        select(func.count())
        .select_from(RatingRow)
        .where(RatingRow.annotator_id == AnnotatorRow.id, RatingRow.superseded_at.is_(None))
        .where(RatingRow.created_at >= day.c.begin, RatingRow.created_at < day.c.end)
        .correlate(AnnotatorRow, day)
    )
    good = counted.where(RatingRow.verdict == "good")
    query = select(AnnotatorRow.id, day.c.begin, counted.scalar_subquery(), good.scalar_subquery())
    rows = session.execute(query.select_from(AnnotatorRow).join(day, true())).tuples()
    return sorted((who, _date(when), n, g) for who, when, n, g in rows if n)


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
