"""The options of a SQL source, and the checks of options that depend on each other."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.sql_query.cursor_order import CursorType
from connectors.sql_query.query_text import checked, parameters
from connectors.sql_query.snapshot import Isolation
from connectors.sql_query.statement import OWN_PARAMETERS
from connectors.sql_query.url import DatabaseUrl
from syncd.source import Duration, Options, nearest


class CursorOptions(BaseModel):
    """The column that incremental reads use, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(min_length=1, description="A column that grows with every change of its row.")
    type: CursorType | None = Field(
        default=None, description="timestamp, date, number, epoch or epoch_ms; if absent, the column's own type."
    )
    overlap: Duration = Field(
        default=300.0,
        description="How far before the greatest value seen a read begins: a duration, or a number for numbers.",
    )


class SqlOptions(Options):
    """The ``options`` of a SQL source."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    url: DatabaseUrl = Field(description="A SQLAlchemy URL: postgresql://user@host/database, mariadb://…, sqlite:///…")
    password: SecretStr | None = Field(default=None, description="The password, if it is not in the URL.")
    query: str | None = Field(default=None, description="One SELECT, with :name for each of params.")
    table: str | None = Field(default=None, min_length=1, description="A table or a view, instead of a query.")
    columns: tuple[str, ...] = Field(default=(), description="The columns of the table to read; all if absent.")
    params: dict[str, str | int | float | bool | None] = Field(
        default_factory=dict, description="The values of the query's parameters."
    )
    cursor: CursorOptions | None = Field(default=None, description="How to read only changed rows; all if absent.")
    deleted: str | None = Field(
        default=None, min_length=1, description="A column or condition that marks deleted rows."
    )
    sweep: Duration = Field(
        default=86400.0, description="How often all keys are read, to find rows that vanished without a mark."
    )
    fetch: Annotated[int, Field(ge=1, le=1_000_000)] = Field(default=50_000, description="Rows of a page.")
    timeout: Annotated[Duration, Field(gt=0)] = Field(default=600.0, description="How long a statement may take.")
    isolation: Isolation = Field(default="snapshot", description="snapshot, serializable or read_committed.")

    @model_validator(mode="after")
    def _check_together(self) -> SqlOptions:
        if (self.query is None) == (self.table is None):
            raise ValueError("write either query or table")
        if self.columns and self.table is None:
            raise ValueError("columns go with table; a query names its own")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns names a column twice")
        kind = self.url.product.kind
        # The check needs the kind of the server from url, so it cannot be a check of the field query alone.
        if self.query is not None:
            checked(self.query, kind)
        if self.deleted is not None:
            # The condition stands inside a SELECT later, where it could close a bracket of syncd's own.
            checked(f"SELECT {self.deleted}", kind)
        self._check_params(f"{self.query or ''}\n{self.deleted or ''}")
        return self

    def _check_params(self, text: str) -> None:
        # A parameter that nobody uses is mostly a typing error, and would leave the query without its filter.
        used = parameters(text, self.url.product.kind)
        for name in [name for name in self.params if name.startswith(OWN_PARAMETERS)]:
            raise ValueError(f"params: {name}: names that begin with {OWN_PARAMETERS} are syncd's own: choose another")
        for name in [name for name in used if name not in self.params]:
            raise ValueError(f"the query's parameter :{name} is not in params{nearest(name, self.params)}")
        for name in [name for name in self.params if name not in used]:
            raise ValueError(f"params has {name}, which the query does not use{nearest(name, used)}: write :{name}")
