"""The triggers that keep the counters of schema_counters.py, for SQLite and PostgreSQL alike.

A migration that rebuilds `ratings` (batch mode on SQLite) drops its triggers: it must call `add_triggers` again. What
stands here may be added to and not changed, see columns.py.
"""

from alembic import op

_GOOD = "CAST({row}.verdict = 'good' AS INTEGER)"
_FAIR = "({row}.verdict = 'good' OR NOT {row}.label_wrong)"
_DAY = {
    "sqlite": "substr({row}.created_at, 1, 10)",
    "postgresql": "to_char({row}.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}

_ADD = """
INSERT INTO day_counts (annotator_id, day, ratings, good) VALUES ({row}.annotator_id, {day}, 1, {good})
    ON CONFLICT (annotator_id, day) DO UPDATE
    SET ratings = day_counts.ratings + 1, good = day_counts.good + excluded.good;
INSERT INTO group_counts (annotator_id, label, adapter, fair, good)
    SELECT {row}.annotator_id, r.label, r.adapter, 1, {good} FROM reasonings r
    WHERE r.id = {row}.reasoning_id AND {fair}
    ON CONFLICT (annotator_id, label, adapter) DO UPDATE
    SET fair = group_counts.fair + 1, good = group_counts.good + excluded.good;
INSERT INTO tallies (reasoning_id, ratings, fair, good)
    VALUES ({row}.reasoning_id, 1, CAST({fair} AS INTEGER), {good})
    ON CONFLICT (reasoning_id) DO UPDATE
    SET ratings = tallies.ratings + 1, fair = tallies.fair + excluded.fair, good = tallies.good + excluded.good;
"""
_TAKE = """
UPDATE day_counts SET ratings = ratings - 1, good = good - {good}
    WHERE annotator_id = {row}.annotator_id AND day = {day};
DELETE FROM day_counts WHERE annotator_id = {row}.annotator_id AND day = {day} AND ratings = 0;
UPDATE group_counts SET fair = fair - 1, good = good - {good}
    WHERE annotator_id = {row}.annotator_id AND {fair}
    AND (label, adapter) = (SELECT r.label, r.adapter FROM reasonings r WHERE r.id = {row}.reasoning_id);
DELETE FROM group_counts WHERE annotator_id = {row}.annotator_id AND fair = 0;
UPDATE tallies SET ratings = ratings - 1, fair = fair - CAST({fair} AS INTEGER), good = good - {good}
    WHERE reasoning_id = {row}.reasoning_id;
DELETE FROM tallies WHERE reasoning_id = {row}.reasoning_id AND ratings = 0;
"""
_FILL = """
INSERT INTO day_counts (annotator_id, day, ratings, good)
    SELECT g.annotator_id, {day}, count(*), sum({good}) FROM ratings g
    WHERE g.superseded_at IS NULL GROUP BY 1, 2;
INSERT INTO group_counts (annotator_id, label, adapter, fair, good)
    SELECT g.annotator_id, r.label, r.adapter, count(*), sum({good})
    FROM ratings g JOIN reasonings r ON r.id = g.reasoning_id
    WHERE g.superseded_at IS NULL AND {fair} GROUP BY 1, 2, 3;
INSERT INTO tallies (reasoning_id, ratings, fair, good)
    SELECT g.reasoning_id, count(*), sum(CAST({fair} AS INTEGER)), sum({good}) FROM ratings g
    WHERE g.superseded_at IS NULL GROUP BY 1
"""


def fill() -> None:
    """Count all ratings there are."""
    for statement in _written(_FILL, "g").split(";"):
        op.execute(statement)


def add_triggers() -> None:
    """Count from now on."""
    if op.get_context().dialect.name == "sqlite":
        for name, event, row, change in (
            ("added", "INSERT", "NEW", _ADD),
            ("begun", "UPDATE", "NEW", _ADD),
            ("ended", "UPDATE", "OLD", _TAKE),
            ("deleted", "DELETE", "OLD", _TAKE),
        ):
            op.execute(
                f"CREATE TRIGGER count_ratings_{name} AFTER {event} ON ratings "
                f"WHEN {row}.superseded_at IS NULL BEGIN {_written(change, row)} END"
            )
        return
    op.execute(
        f"""CREATE FUNCTION count_ratings() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP <> 'INSERT' AND OLD.superseded_at IS NULL THEN {_written(_TAKE, "OLD")} END IF;
        IF TG_OP <> 'DELETE' AND NEW.superseded_at IS NULL THEN {_written(_ADD, "NEW")} END IF;
        RETURN NULL; END $$"""
    )
    op.execute(
        "CREATE TRIGGER count_ratings AFTER INSERT OR UPDATE OR DELETE ON ratings "
        "FOR EACH ROW EXECUTE FUNCTION count_ratings()"
    )


def _written(statements: str, row: str) -> str:
    """With the columns of this row."""
    columns = {"day": _DAY[op.get_context().dialect.name], "good": _GOOD, "fair": _FAIR}
    return statements.format(row=row, **{name: column.format(row=row) for name, column in columns.items()})
