"""Our endpoints at the target, and single values that were learned."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from syncd.state.database import Part


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint. The table ``webhook`` has the meaning of the columns; ``filters`` is a JSON text."""

    name: str
    url: str
    filters: str
    created: float
    state: str = "reserved"
    id: str | None = None
    secret_ref: str | None = None


class Webhooks(Part):
    """The table ``webhook``."""

    def all(self) -> list[Endpoint]:
        """Return all endpoints, the oldest first."""
        return [Endpoint(**each) for each in self._database.records("SELECT * FROM webhook ORDER BY created, name")]

    def get(self, name: str) -> Endpoint | None:
        """Return an endpoint by its name."""
        found = self._database.record("SELECT * FROM webhook WHERE name = :name", name=name)
        return Endpoint(**found) if found else None

    def put(self, endpoint: Endpoint) -> None:
        """Store an endpoint, in place of what was stored under its name."""
        self._database.put("webhook", **asdict(endpoint))

    def drop(self, name: str) -> None:
        """Forget an endpoint."""
        self._database.execute("DELETE FROM webhook WHERE name = :name", name=name)


class Facts(Part):
    """The table ``fact``: text values by name."""

    def get(self, name: str) -> str | None:
        """Return a value; None if there is none."""
        value: str | None = self._database.scalar("SELECT value FROM fact WHERE name = :name", name=name)
        return value

    def names(self, beginning: str) -> list[str]:
        """Return what follows ``beginning`` in the names that begin with it."""
        begins = "substr(name, 1, length(:beginning)) = :beginning"
        sql = f"SELECT substr(name, length(:beginning) + 1) FROM fact WHERE {begins}"
        return self._database.column(sql, beginning=beginning)

    def set(self, name: str, value: str | None) -> None:
        """Store a value; None forgets it."""
        if value is None:
            self._database.execute("DELETE FROM fact WHERE name = :name", name=name)
        else:
            self._database.put("fact", name=name, value=value)
