"""Reads a source while its ledger is read beside it, so that rows that have not changed are recognised."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

from syncd.config import Source
from syncd.core.changes.left_out import deletes_in
from syncd.core.forgetting.marks import NOBODY, Marks
from syncd.core.schema import Schema
from syncd.read.contact_mapping import contact_mapping
from syncd.read.reader import arrived, in_thread, read_source
from syncd.read.reading import Reading
from syncd.read.spool import Spool
from syncd.read.unchanged_rows import Recall
from syncd.read.unknown_keys import Question, Seen, question
from syncd.run.session import Session
from syncd.state.ledger import LedgerParts


def read_beside_ledger(
    session: Session,
    source: Source,
    schema: Schema,
    cursor: str | None,
    context: str,
    spool: Spool,
    seen: Seen,
    marks: Marks = NOBODY,
) -> Reading:
    """Read a source, and from its first page on its ledger beside it.

    ``context``: names everything besides a row that decides what contact it makes; in another context, no row is
    recognised. ``seen``: what earlier runs know of rows without a contact. ``marks``: what was forgotten.
    """
    connector = source.connect()
    with in_thread(connector, "check") as pool:
        columns = arrived(pool.submit(connector.check), session.halt_if_asked)
    mapping = contact_mapping(source, columns, schema)
    with ThreadPoolExecutor(1, thread_name_prefix="ledger") as pool:
        ledger = cache(lambda: pool.submit(session.state.ledger.row_digests, source.name))
        recall = Recall(
            lambda: ledger().result(),
            sorted(connector.needs.columns),
            # A merged contact is made of several rows, so all of them are looked at.
            None if source.shared_match == "merge_phones" else context,
            LedgerParts(session.state, source.name) if cursor else None,
            lambda: ledger().done(),
        )

        def progress(rows: int) -> None:
            # Not before the first row: a source that has not changed costs no look at the ledger.
            if rows and recall.needs_whole_ledger(rows):
                ledger()
            session.watcher.reading(source.name, rows)
            session.halt_if_asked()

        def ask(reading: Reading) -> Question:
            return question(reading, seen, can_look_up=connector.can_look_up())

        deletes = deletes_in(source.gates.mode)
        reading = read_source(
            connector, cursor, mapping, schema, spool, progress, recall, deletes=deletes, ask=ask, marks=marks
        )
        if reading.end.proof not in {"unchanged", "partial"} or reading.present is not None:
            recall.ledger  # noqa: B018 (read while the thread for it is there)
        return reading
