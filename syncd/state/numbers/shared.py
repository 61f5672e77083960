"""What is kept of shared numbers: who claims a number, who goes without it, and what is decided anew."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from syncd.core.callers.numbers import NUMBER, numbers_in
from syncd.core.callers.policy import ASSIGNED, CHANGED, SOURCE
from syncd.core.callers.wording import DECIDED
from syncd.core.columns import DIGEST, KEY, REASON
from syncd.state.database import Database, Part
from syncd.state.numbers.holders import Holders
from syncd.state.queries import THESE_KEYS

HAS, SENT, WANTED, PHONES, READY = "@has", "@sent", "@wanted", "@phones", "@ready"

CLAIMED = {NUMBER: pl.String, SOURCE: pl.String, KEY: pl.String, HAS: pl.Boolean}
"""A contact of the ledger that claims a number; ``@has``: it was sent with the number, and goes not without it."""

CONTACTS = {
    SOURCE: pl.String,
    KEY: pl.String,
    SENT: pl.String,
    WANTED: pl.String,
    CHANGED: pl.Float64,
    DIGEST: pl.Int64,
    READY: pl.Boolean,
}
"""A contact of the ledger. ``@sent``: the fields as they were sent, and ``@wanted``: with the numbers that it goes
without (JSON objects). ``@changed``: when its row last changed. ``@ready``: it can be sent anew without its row."""

LEFT_OUT = {NUMBER: pl.String, KEY: pl.String, REASON: pl.String}
"""A number that a contact of a source goes without, and why."""

_PAGE = 25_000
_CLAIMING = (
    "SELECT number, source, key FROM leftout JOIN contact USING (source, key)"
    " WHERE number IN (SELECT value FROM json_each(:numbers)) AND status = 'accepted'"
)
_WHOLE = "CASE WHEN wanted.phones IS NULL THEN fields ELSE json_patch(fields, wanted.phones) END"
_CONTACTS = (
    f"SELECT contact.source, contact.key, fields, {_WHOLE}, coalesce(wanted.changed, updated_at), digest,"
    " status = 'accepted' AND raw IS NOT NULL AND digest <> 0"
    " FROM contact LEFT JOIN wanted USING (source, key)"
    " WHERE contact.source = :source AND contact.key IN (SELECT value FROM json_each(:keys))"
)
SHARES = ("wanted", "leftout", "due")
"""The tables of what a source's contacts go without; they have a column ``source``."""

_FORGOTTEN = tuple(f"DELETE FROM {table} WHERE {THESE_KEYS}" for table in ("wanted", "leftout"))


class Shared(Part):
    """Shared numbers. Numbers have the form of :mod:`syncd.core.callers.numbers`; times are Unix seconds."""

    def __init__(self, database: Database, holders: Holders) -> None:
        super().__init__(database)
        self._holders = holders

    def claims(self, numbers: pl.Series, phones: Collection[str], without: pl.DataFrame | None = None) -> pl.DataFrame:
        """Return who claims these numbers, as :data:`CLAIMED`.

        ``phones``: the names of the phone fields. ``without``: contacts (``@source``, ``@key``) that are left out.
        """
        if numbers.is_empty():
            return pl.DataFrame(schema=CLAIMED)
        holding = self._holders.of(numbers, phones)
        if without is not None:
            # Of a million contacts that were read, none is looked up.
            holding = holding.join(without, on=[SOURCE, KEY], how="anti")
        # A contact may hold a number in a field that it was not sent with: nothing takes that away, or gives it.
        sent = self.contacts(holding.select(SOURCE, KEY).unique())
        has = numbers_in(sent, [SOURCE, KEY], pl.col(SENT), phones)
        has = has.join(numbers.alias(NUMBER).to_frame(), on=NUMBER, how="semi").select(NUMBER, SOURCE, KEY)
        schema = {name: CLAIMED[name] for name in (NUMBER, SOURCE, KEY)}
        pages = [self._database.frame(schema, _CLAIMING, numbers=page) for page in _pages(numbers)]
        without = pl.concat([pl.DataFrame(schema=schema), *pages])
        rest = has.join(without, on=[NUMBER, SOURCE, KEY], how="anti")
        return pl.concat(
            [rest.with_columns(pl.lit(value=True).alias(HAS)), without.with_columns(pl.lit(value=False).alias(HAS))]
        )

    def contacts(self, who: pl.DataFrame) -> pl.DataFrame:
        """Return these contacts (``@source``, ``@key``), as :data:`CONTACTS`."""
        found = [pl.DataFrame(schema=CONTACTS)]
        for (source,), part in who.partition_by(SOURCE, as_dict=True).items():
            pages = _pages(part.get_column(KEY))
            found += [self._database.frame(CONTACTS, _CONTACTS, source=source, keys=page) for page in pages]
        return pl.concat(found)

    def others_changed(self, source: str, since: int) -> bool:
        """Return whether another source's contacts changed after this entry of the journal."""
        query = "SELECT EXISTS (SELECT 1 FROM change WHERE id > :since AND source <> :source)"
        return bool(self._database.scalar(query, source=source, since=since))

    def of_source(self, source: str) -> pl.DataFrame:
        """Return the numbers that contacts of the source go without, as :data:`LEFT_OUT`."""
        query = "SELECT number, key, reason FROM leftout WHERE source = :source ORDER BY key, number"
        return self._database.frame(LEFT_OUT, query, source=source)

    def of_contact(self, source: str, key: str) -> list[tuple[str, str]]:
        """Return the numbers that one contact goes without, each with its reason."""
        query = "SELECT number, reason FROM leftout WHERE source = :source AND key = :key ORDER BY number"
        return self._database.rows(query, source=source, key=key)

    def keep(self, source: str, left_out: pl.DataFrame, wanted: pl.DataFrame) -> None:
        """Keep what contacts of the source go without, and what they want.

        Args:
            source: whose contacts they are.
            left_out: as :data:`LEFT_OUT`; all of each contact.
            wanted: ``@key``, ``@phones`` (a JSON object), ``@changed`` of these contacts.
        """
        with self._database.write():
            self.forget(source, wanted.get_column(KEY))
            rows = [(number, source, key, reason) for number, key, reason in left_out.select(*LEFT_OUT).iter_rows()]
            self._database.execute_in_bulk("INSERT INTO leftout (number, source, key, reason) VALUES {rows}", rows)
            phones = [(source, *row) for row in wanted.select(KEY, PHONES, CHANGED).iter_rows()]
            self._database.execute_in_bulk("INSERT INTO wanted (source, key, phones, changed) VALUES {rows}", phones)

    def forget(self, source: str, keys: pl.Series) -> None:
        """Forget what contacts of the source go without, and what they want."""
        if len(keys):
            with self._database.write():
                for statement in _FORGOTTEN:
                    self._database.execute(statement, source=source, keys=keys.to_list())

    def reword(self, reasons: pl.DataFrame) -> None:
        """Store why contacts go without numbers: ``number``, ``@source``, ``@key``, ``@reason``."""
        statement = "UPDATE leftout SET reason = ? WHERE number = ? AND source = ? AND key = ? AND reason <> ?"
        rows = reasons.select(REASON, NUMBER, SOURCE, KEY, pl.col(REASON).alias("@again")).rows()
        self._database.execute_many(statement, rows)

    def clear(self, source: str) -> None:
        """Forget that contacts of the source go without numbers."""
        asked = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE source = :source" for table in SHARES)
        if self._database.scalar(asked, source=source):
            with self._database.write():
                for table in SHARES:
                    self._database.execute(f"DELETE FROM {table} WHERE source = :source", source=source)

    def wanting(self, source: str) -> set[str]:
        """Return the keys of the source's contacts that go without a number."""
        return set(self._database.column("SELECT key FROM wanted WHERE source = :source", source=source))

    def due(self, source: str) -> pl.Series:
        """Return the numbers that the source's next run decides anew."""
        found = self._database.column("SELECT number FROM due WHERE source = :source ORDER BY number", source=source)
        return pl.Series(NUMBER, found, dtype=pl.String)

    def ask_those_without(self, numbers: Collection[str]) -> None:
        """Let the sources of contacts that go without these numbers decide them anew."""
        query = (
            "INSERT OR IGNORE INTO due (source, number) SELECT DISTINCT source, number FROM leftout"
            " WHERE number IN (SELECT value FROM json_each(:numbers))"
        )
        self._database.execute(query, numbers=numbers)

    def ask_anew(self, numbers: pl.DataFrame) -> None:
        """Let the next runs of sources decide numbers anew: ``@source``, ``number``."""
        rows = numbers.select(SOURCE, NUMBER).unique().rows()
        if rows:
            self._database.execute_in_bulk("INSERT OR IGNORE INTO due (source, number) VALUES {rows}", rows)

    def answered(self, source: str, numbers: pl.Series) -> None:
        """Forget that these numbers were to be decided anew."""
        for page in _pages(numbers):
            query = "DELETE FROM due WHERE source = :source AND number IN (SELECT value FROM json_each(:numbers))"
            self._database.execute(query, source=source, numbers=page)

    def assigned(self) -> pl.DataFrame:
        """Return whose persons say numbers are, as :data:`~syncd.core.callers.policy.ASSIGNED`."""
        return self._database.frame(ASSIGNED, "SELECT number, source, key FROM assigned ORDER BY number")

    def decisions(self) -> list[dict[str, object]]:
        """Return all decisions: ``number``, ``source``, ``key``, ``at``."""
        return self._database.records("SELECT number, source, key, at FROM assigned ORDER BY number")

    def assign(self, number: str, source: str, key: str, phones: Collection[str]) -> None:
        """Say whose a number is; the next run of every source that claims the number obeys."""
        with self._database.write():
            self._database.put("assigned", number=number, source=source, key=key, at=self._database.clock())
            # So that nothing shows any more that it waits for a decision.
            self._database.execute(
                "UPDATE leftout SET reason = :said WHERE number = :number", number=number, said=DECIDED
            )
            self._ask_all(number, phones)

    def release(self, number: str, phones: Collection[str]) -> bool:
        """Take a decision back; return whether there was one."""
        with self._database.write():
            found = self._database.execute("DELETE FROM assigned WHERE number = :number", number=number)
            self._ask_all(number, phones)
        return found > 0

    def _ask_all(self, number: str, phones: Collection[str]) -> None:
        claims = self.claims(pl.Series(NUMBER, [number]), phones)
        self.ask_anew(claims.select(SOURCE, NUMBER))


def _pages(values: pl.Series) -> Sequence[list[str]]:
    return [values.slice(start, _PAGE).to_list() for start in range(0, len(values), _PAGE)]
