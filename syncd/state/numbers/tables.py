"""The tables of the state file about numbers, and about plans that were applied; as in :mod:`syncd.state.tables`."""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class _OfKey(SQLModel):
    """A table about single keys of the sources."""

    source: str = Field(primary_key=True)
    key: str = Field(primary_key=True)


class Number(_OfKey, table=True):
    """An index of the ledger: a number that a contact has at the target, as :mod:`syncd.core.callers.numbers` has it.

    Contacts that are in ``unindexed`` have changed since.
    """

    __table_args__ = {"sqlite_with_rowid": False}

    number: str = Field(primary_key=True)


class Unindexed(_OfKey, table=True):
    """A contact that has changed since the index was made; triggers of ``contact`` note it.

    ``fields``: as the index has them, a JSON object; null: the index has none of the contact. ``heir``: the key under
    which the contact goes on; null: its own.
    """

    __table_args__ = {"sqlite_with_rowid": False}

    fields: str | None = None
    heir: str | None = None


class FormerNumber(_OfKey, table=True):
    """A number that a contact had, or had under another name: the ``name``, ``until`` when, and the run that ended it.

    ``key``: of the contact now.
    """

    __table_args__ = (Index("formernumber_key", "source", "key"), {"sqlite_with_rowid": False})

    number: str = Field(primary_key=True)
    until: float = Field(primary_key=True)
    name: str
    run: str


class Unsent(_OfKey, table=True):
    """A number of a row that the last complete read did not send: where the row stands, why it was not sent.

    ``key``: "" if the row has none. ``why``: ``invalid`` · ``excluded`` · ``rejected`` · ``held`` · ``impossible`` ·
    ``policy`` · ``shared match`` · ``forgotten``; ``reason``: in words.
    """

    __table_args__ = (Index("unsent_source", "source"), {"sqlite_with_rowid": False})

    number: str = Field(primary_key=True)
    at: str = Field(primary_key=True)
    name: str
    why: str
    reason: str


class Wanted(_OfKey, table=True):
    """The phone fields that a contact would have if no other one kept a number (a JSON object).

    ``changed``: when its row last changed.
    """

    __table_args__ = {"sqlite_with_rowid": False}

    phones: str
    changed: float


class LeftOut(_OfKey, table=True):
    """A number that a contact goes without, and why."""

    __table_args__ = (Index("leftout_key", "source", "key"), {"sqlite_with_rowid": False})

    number: str = Field(primary_key=True)
    reason: str


class Assigned(SQLModel, table=True):
    """Whose a person says a number is, and since when."""

    __table_args__ = {"sqlite_with_rowid": False}

    number: str = Field(primary_key=True)
    source: str
    key: str
    at: float


class Due(SQLModel, table=True):
    """A number whose claims have changed, so that the source's next run decides anew who of its contacts has it."""

    __table_args__ = {"sqlite_with_rowid": False}

    source: str = Field(primary_key=True)
    number: str = Field(primary_key=True)


class AppliedPlan(SQLModel, table=True):
    """A plan that was applied: by which run, when, and its exit code (null: it was broken off)."""

    digest: str = Field(primary_key=True)
    run: str = Field(primary_key=True)
    at: float
    exit: int | None = None
