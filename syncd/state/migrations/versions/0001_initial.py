"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    # The columns are written out and not taken from syncd.state.tables, which has the columns of the newest version.
    _create_contact()
    _create_change()
    _create_run_and_hold()
    _create_the_rest()


def _create_contact() -> None:
    op.create_table(
        "contact",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("digest", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("remote_id", sa.Integer),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("match", sa.String, nullable=False),
        sa.Column("fields", sa.String, nullable=False),
        sa.Column("returned", sa.String),
        sa.Column("reason", sa.String),
        sa.Column("missing_since", sa.Float),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
        # The rows lie in the order of the primary key, in which a source's contacts are read.
        sqlite_with_rowid=False,
    )
    op.create_index("contact_remote_id", "contact", ["remote_id"])
    # Only the few open contacts are in this index, so that a run finds them without looking at all others.
    op.create_index("contact_open", "contact", ["source", "key"], sqlite_where=sa.text("status <> 'accepted'"))


def _create_change() -> None:
    op.create_table(
        "change",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("old_id", sa.Integer),
        sa.Column("new_id", sa.Integer),
        sa.Column("match", sa.String, nullable=False),
        sa.Column("digest", sa.Integer),
        sa.Column("before", sa.String),
        sa.Column("after", sa.String),
        sa.Column("horizon", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("change_key", "change", ["source", "key"])
    op.create_index("change_open", "change", ["source", "key"], sqlite_where=sa.text("outcome IN ('pending', 'moved')"))
    op.create_index("change_at", "change", ["at"])


def _create_run_and_hold() -> None:
    op.create_table(
        "run",
        sa.Column("run", sa.String, primary_key=True),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("exit", sa.Integer),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("config", sa.String, nullable=False),
        sa.Column("report", sa.String),
    )
    op.create_index("run_started", "run", ["source", "started"])
    op.create_table(
        "hold",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("gate", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("keys", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("approved", sa.Float),
    )


def _create_the_rest() -> None:
    op.create_table(
        "cursor",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("context", sa.String, nullable=False),
        sa.Column("standing", sa.String, nullable=False),
        sa.Column("saved", sa.Float, nullable=False),
    )
    op.create_table(
        "request",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("pause", sa.Integer, nullable=False),
    )
    # It answers both questions: the places since a moment (pause 0), and the end of the newest pause (pause 1).
    op.create_index("request_at", "request", ["pause", "at"])
    op.create_table(
        "lease",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_table(
        "fact", sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False)
    )
