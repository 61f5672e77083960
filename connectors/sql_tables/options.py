"""The options of the sink ``sql``."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.sql_query.url import DatabaseUrl
from syncd.sink import Duration, Options

LONGEST_NAME = 60
"""PostgreSQL cuts longer names, silently, and two could then be one."""


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable() or "%" in text:
        raise ValueError("this is no name for a table or a schema: write letters, digits and _")
    if len(text.encode()) > LONGEST_NAME:
        raise ValueError(f"this name is too long: at most {LONGEST_NAME} bytes")
    return text


Name = Annotated[str, AfterValidator(_name)]


class TableNames(BaseModel):
    """The names of the tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: Name = Field(default="calls", description="The table of calls.")
    segments: Name = Field(default="call_segments", description="The table of the parts of calls.")
    messages: Name = Field(default="messages", description="The table of messages.")
    attachments: Name = Field(default="attachments", description="The table of the files of messages.")
    contacts: Name = Field(default="activity_contacts", description="The table of the contacts of calls and messages.")


class SqlTablesOptions(Options):
    """The ``options`` of a SQL database that gets calls and messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    url: DatabaseUrl = Field(description="A SQLAlchemy URL: postgresql://user@host/database, mariadb://…, sqlite:///…")
    password: SecretStr | None = Field(default=None, description="The password, if it is not in the URL.")
    # Pydantic has a method of this name.
    in_schema: Name | None = Field(
        default=None, alias="schema", description="The schema of the tables; if absent, the user's own."
    )
    tables: TableNames = TableNames()
    timeout: Annotated[Duration, Field(gt=0)] = Field(default=600.0, description="How long a statement may take.")

    @model_validator(mode="after")
    def _check_together(self) -> SqlTablesOptions:
        names = list(self.tables.model_dump().values())
        if len({name.casefold() for name in names}) < len(names):
            raise ValueError("tables: two tables have one name")
        if self.in_schema is not None and self.url.product.kind == "sqlite":
            raise ValueError("schema: an SQLite database has no schemas: leave it out")
        if "read_only" in self.url.url.query:
            raise ValueError("url: it asks for a server that only reads: leave out read_only and ApplicationIntent")
        return self
