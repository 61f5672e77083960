"""Erases from the state what was forgotten: from its tables, its reports and texts, and the bytes of its file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from syncd.core.callers.form import plain_numbers
from syncd.core.forgetting.texts import erased, match_without
from syncd.core.forgetting.traces import Sought, Traces, fields_without
from syncd.state.database import Part
from syncd.state.entries import OURS
from syncd.state.facts import Fact, Facts
from syncd.state.glance import repairs_of
from syncd.state.leaving.rewording import Rewording
from syncd.state.leaving.searching import OF_KEYS, OF_NUMBERS
from syncd.state.queries import THESE_KEYS

# The ids that we deleted stay, for a target may bring a contact back under its old id; nothing else of them does.
_BLANKED = (
    "UPDATE change SET run = '', key = '', match = '', old_match = NULL, digest = NULL, before = NULL, after = NULL,"
    f" reason = NULL, place = NULL WHERE {THESE_KEYS} AND outcome = 'accepted' AND old_id IS NOT NULL AND {OURS}"
)
_OF_KEYS = (
    _BLANKED,
    *(f"DELETE FROM {table} WHERE {THESE_KEYS}" for table in OF_KEYS if table != "contact"),
)
_OF_NUMBERS = tuple(
    f"DELETE FROM {table} WHERE number = :number AND source = :source" for table in (*OF_NUMBERS, "due")
)
# The journal knows a contact by these texts; an open call needs them.
_TEXTS = "before, after, match, old_match, reason"
_HOLDING = " OR ".join(f"instr(coalesce({name}, ''), :number) > 0" for name in _TEXTS.split(", "))
_CHANGES = (
    f"SELECT id, {_TEXTS} FROM change WHERE source = :source AND outcome NOT IN ('pending', 'moved') AND ({_HOLDING})"
    " AND key = coalesce(:key, key)"
)
_IS_OPEN = (
    "SELECT EXISTS (SELECT 1 FROM change WHERE source = :source AND key = :key AND outcome IN ('pending', 'moved'))"
)
_PAST = "SELECT before, after FROM change WHERE source = :source AND key = :key"
_PRESENT = "SELECT fields, returned FROM contact WHERE source = :source AND key = :key"
_CHANGED = "UPDATE change SET before = ?, after = ?, match = ?, old_match = ?, reason = ? WHERE id = ?"


class Erasing(Part):
    """Erases what no contact of the ledger and no open call needs any more."""

    def erase(self, source: str, sought: Sought, phones: Collection[str]) -> None:
        """Erase what is sought of a source, in one transaction; ``phones``: the names of the target's phone fields.

        The contacts of the keys have left the ledger, and no call for them is open.
        """
        self._database.execute("PRAGMA secure_delete = ON")
        with self._database.write():
            traces = Traces(sought, frozenset(self._values(source, sought)))
            self._erase_matches(source, sought)
            for statement in _OF_KEYS:
                self._database.execute(statement, source=source, keys=sought.keys)
            for number in sought.numbers:
                for statement in _OF_NUMBERS:
                    self._database.execute(statement, source=source, number=number)
                self._take_out_of_history(source, number, sought.numbers, phones)
            self._take_out_of_wanted(source, sought.numbers, phones)
            self._take_out_of_texts(source, traces)
            Rewording(self._database).reword(source, sought)
            # What the source says of them was kept there; the next read is a whole one.
            self._database.execute("DELETE FROM cursor WHERE source = :source", source=source)
            # In this transaction: a process that is ended before it cleans leaves nothing else that tells of it.
            self._unclean().set(self._database.clock())

    def is_unclean(self) -> bool:
        """Return whether something was erased since the file was last cleaned."""
        return self._unclean().get() is not None

    def erase_former(self, source: str, key: str, phones: Collection[str]) -> bool:
        """Erase the numbers that the past of a contact has, and the contact itself has not; return whether it could.

        It cannot while a call for the contact is open, which needs what the history says.
        """
        self._database.execute("PRAGMA secure_delete = ON")
        with self._database.write():
            if self._database.scalar(_IS_OPEN, source=source, key=key):
                return False
            lost = self._numbers(_PAST, source, key, phones) - self._numbers(_PRESENT, source, key, phones)
            for number in lost:
                self._take_out_of_history(source, number, lost, phones, key)
                former = "DELETE FROM formernumber WHERE source = :source AND key = :key AND number = :number"
                self._database.execute(former, source=source, key=key, number=number)
            if lost:
                self._take_out_of_texts(source, Traces(Sought(numbers=lost)))
                self._unclean().set(self._database.clock())
        return True

    def _numbers(self, query: str, source: str, key: str, phones: Collection[str]) -> frozenset[str]:
        """Return the numbers, in plain form, of the contacts (JSON texts) that the query returns."""
        stored = [
            json.loads(text) for row in self._database.rows(query, source=source, key=key) for text in row if text
        ]
        found = (plain_numbers(fields.get(name) or "") for fields in stored for name in phones)
        return frozenset(number for numbers in found for number in numbers)

    def compare_anew(self, source: str, keys: Collection[str]) -> None:
        """Let the next run map and compare the rows of these contacts, although they have not changed."""
        self._database.execute(
            f"UPDATE contact SET digest = 0, raw = NULL WHERE {THESE_KEYS}", source=source, keys=keys
        )

    def clean(self) -> tuple[list[Path], bool]:
        """Remove older copies of the file, and rewrite it, so that no byte of what was erased is left.

        Returns:
            The copies that were removed, and whether the file is clean: it is not while another process reads it. Then,
            and after an error, it counts as unclean still.
        """
        erased, copies = self._unclean().get(), self._database.copies()
        for copy in copies:
            copy.unlink(missing_ok=True)
        is_clean = self._database.rewrite()
        with self._database.write():
            # Another process may have erased something meanwhile.
            if is_clean and self._unclean().get() == erased:
                self._unclean().set(None)
        return copies, is_clean

    def _unclean(self) -> Fact[float | None]:
        return Facts(self._database).unclean

    def _values(self, source: str, sought: Sought) -> Iterator[str]:
        """Yield the values of the fields of these contacts, as far as the history and the ledger know them."""
        for columns, table in (("fields, returned", "contact"), ("before, after", "change")):
            query = f"SELECT {columns} FROM {table} WHERE {THESE_KEYS}"
            for row in self._database.rows(query, source=source, keys=sought.keys):
                yield from (value for text in row if text for value in json.loads(text).values() if value)

    def _erase_matches(self, source: str, sought: Sought) -> None:
        """Erase the match values of these contacts where a delete and a merged key remember them."""
        of_change = f"SELECT match FROM change WHERE {THESE_KEYS} UNION SELECT old_match FROM change WHERE {THESE_KEYS}"
        matches = self._database.column(of_change, source=source, keys=sought.keys)
        known = {"source": source, "matches": [match for match in matches if match]}
        of_these = "source = :source AND match IN (SELECT value FROM json_each(:matches))"
        self._database.execute(f"UPDATE deletion SET match = '' WHERE {of_these} AND ended IS NOT NULL", **known)
        gone = f"SELECT match FROM contact WHERE {of_these}"
        self._database.execute(
            "DELETE FROM merged WHERE source = :source AND merged_into IN (SELECT value FROM json_each(:matches))"
            f" AND merged_into NOT IN ({gone})",
            **known,
        )
        for number in sought.numbers:
            query = (
                "UPDATE deletion SET match = '' WHERE source = :source AND ended IS NOT NULL AND instr(match, :number)"
            )
            self._database.execute(query, source=source, number=number)

    def _take_out_of_history(
        self, source: str, number: str, numbers: frozenset[str], phones: Collection[str], key: str | None = None
    ) -> None:
        """Take numbers out of the changes that hold one of them (``number``): of all contacts, or of one."""

        def without(stored: str | None) -> str | None:
            return stored and json.dumps(fields_without(json.loads(stored), numbers, phones), ensure_ascii=False)

        rows = [
            (
                without(before),
                without(after),
                match_without(match, numbers),
                old_match and match_without(old_match, numbers),
                reason and erased(reason, numbers.__contains__),
                id_,
            )
            for id_, before, after, match, old_match, reason in self._database.rows(
                _CHANGES, source=source, number=number, key=key
            )
        ]
        self._database.execute_many(_CHANGED, rows)

    def _take_out_of_wanted(self, source: str, numbers: frozenset[str], phones: Collection[str]) -> None:
        """Take numbers out of the phone fields that contacts would have if they need not share."""
        for number in numbers:
            query = "SELECT key, phones FROM wanted WHERE source = :source AND instr(phones, :number)"
            found = self._database.rows(query, source=source, number=number)
            values = [
                (json.dumps(fields_without(json.loads(stored), numbers, phones), ensure_ascii=False), source, key)
                for key, stored in found
            ]
            self._database.execute_many("UPDATE wanted SET phones = ? WHERE source = ? AND key = ?", values)

    def _take_out_of_texts(self, source: str, traces: Traces) -> None:
        """Take them out of stored reports, held lists, alarms and messages that are still to be sent."""
        names = [source, repairs_of(source)]
        reports = self._database.rows("SELECT run, report FROM run WHERE source = :source", source=source)
        values = [(_report_without(report, traces), run, source) for run, report in reports if report]
        self._database.execute_many("UPDATE run SET report = ? WHERE run = ? AND source = ?", values)
        held = "SELECT source, gate, keys, detail FROM hold WHERE source IN (SELECT value FROM json_each(:names))"
        gone = [
            (name, gate)
            for name, gate, keys, detail in self._database.rows(held, names=names)
            if not traces.sought.keys.isdisjoint(json.loads(keys)) or traces.out_of_text(detail) != detail
        ]
        # The next run decides what it holds; an approval was for another list.
        self._database.execute_many("DELETE FROM hold WHERE source = ? AND gate = ?", gone)
        alarms = self._database.rows("SELECT source, kind, text FROM alarm")
        self._database.execute_many(
            "UPDATE alarm SET text = ? WHERE source = ? AND kind = ?",
            [(new, name, kind) for name, kind, text in alarms if (new := traces.out_of_text(text)) != text],
        )
        notices = self._database.rows("SELECT id, text FROM notice")
        self._database.execute_many(
            "UPDATE notice SET text = ? WHERE id = ?",
            [(new, id_) for id_, text in notices if (new := traces.out_of_text(text)) != text],
        )


def _report_without(stored: str, traces: Traces) -> str:
    report: dict[str, Any] = json.loads(stored)
    # Warnings quote what rows hold, which may be what nobody sent.
    if report.get("warnings"):
        report["warnings"] = []
    return json.dumps(traces.out_of_report(report), ensure_ascii=False)
