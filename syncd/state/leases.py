"""Which process may run a source."""

from __future__ import annotations

from sqlalchemy import text

from syncd.state.database import Database


class Leases:
    """Which process may run a source. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, source: str, owner: str, seconds: float) -> str | None:
        """Take the source for ``owner``; return who holds it instead, if someone does."""
        now = self._database.clock()
        with self._database.write() as connection:
            held = connection.execute(
                text("SELECT owner FROM lease WHERE source = :source AND owner <> :owner AND expires > :now"),
                {"source": source, "owner": owner, "now": now},
            ).scalar()
            if held is not None:
                return str(held)
            connection.execute(
                text(
                    "INSERT INTO lease (source, owner, since, expires) VALUES (:source, :owner, :now, :expires)"
                    " ON CONFLICT (source) DO UPDATE SET expires = excluded.expires, owner = excluded.owner,"
                    " since = CASE WHEN owner = excluded.owner THEN since ELSE excluded.since END"
                ),
                {"source": source, "owner": owner, "now": now, "expires": now + seconds},
            )
        return None

    def renew(self, source: str, owner: str, seconds: float) -> bool:
        """Hold the source for so much longer; False if ``owner`` does not have it any more."""
        query = text("UPDATE lease SET expires = :expires WHERE source = :source AND owner = :owner")
        with self._database.write() as connection:
            values = {"source": source, "owner": owner, "expires": self._database.clock() + seconds}
            return connection.execute(query, values).rowcount > 0

    def release(self, source: str, owner: str) -> None:
        """Give the source back, if ``owner`` still has it."""
        with self._database.write() as connection:
            query = text("DELETE FROM lease WHERE source = :source AND owner = :owner")
            connection.execute(query, {"source": source, "owner": owner})

    def holder(self, source: str) -> str | None:
        """Who runs the source now, if someone does."""
        query = text("SELECT owner FROM lease WHERE source = :source AND expires > :now")
        with self._database.read() as connection:
            owner: str | None = connection.execute(query, {"source": source, "now": self._database.clock()}).scalar()
            return owner
