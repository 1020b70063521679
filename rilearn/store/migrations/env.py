"""Alembic's way in: migrates the connection that `rilearn.store.migrate` hands over, inside its transaction."""

from alembic import context

from rilearn.store import schema_annotation, schema_versions  # noqa: F401  their tables belong to Base
from rilearn.store.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
