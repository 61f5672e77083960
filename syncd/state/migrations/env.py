"""Runs the steps on the connection that :mod:`syncd.state.database` passes on."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
# By default Alembic takes SQLite for a database without transactions for tables. With a transaction, a process that is
# killed between two steps leaves the file in its old version.
context.configure(connection=connection, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
