"""Forgets a contact, or a number, for good: at the target, in the state, and in what sources say from now on.

The digest that keeps it away is written first, while every source concerned is held. Whatever ends the command after
that, the same command goes on, and so does the next run of each source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from syncd.config import Settings
from syncd.core.forgetting.changes import FREE, Fate
from syncd.core.forgetting.traces import Sought
from syncd.core.plan import Held
from syncd.core.schema import Schema
from syncd.core.wording import counted, shown_key
from syncd.errors import SyncdError
from syncd.finish.forgetting import Erasure, counts_of, decided, erase, phones_of
from syncd.finish.record import ENDS_THE_COMMAND
from syncd.plan.schema_check import settled_schema
from syncd.report.exit_code import code_for
from syncd.report.source_report import COUNTS
from syncd.run.session import Session
from syncd.state import State
from syncd.state.leaving.forgotten import Entry, Forgotten
from syncd.state.leaving.leftovers import Leftover
from syncd.state.leaving.older_copies import copies_that_may_hold

log = structlog.get_logger()

GATE = "forget.contacts"
"""Holds a number that many contacts have, until a person has approved exactly these contacts."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants forgotten: a ``key`` of a ``source``, or a number in all its forms (``numbers``)."""

    source: str = ""
    key: str = ""
    numbers: frozenset[str] = frozenset()

    def sought(self) -> Sought:
        return Sought(frozenset() if self.numbers else frozenset([self.key]), self.numbers)

    def remember(self, forgotten: Forgotten, now: float) -> list[Entry]:
        """Write the digests, durably."""
        if self.numbers:
            return forgotten.add_everywhere(sorted(self.numbers), now)
        return [forgotten.add_key(self.source, self.key, now)]


@dataclass(slots=True)
class SourcePart:
    """One source's part. ``fates``: what becomes of its contacts; ``kept``: how much is stored of them.

    ``others``: by key, the other keys that have the same contact at the target, and keep it. ``stays``: contacts that
    syncd had let go before, which stay at the target. ``done``: what became of it, after a real run. ``held``: nothing
    was done, since the number waits for an approval.
    """

    source: str
    fates: list[Fate] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    others: dict[str, tuple[str, str]] = field(default_factory=dict)
    stays: list[Leftover] = field(default_factory=list)
    done: Erasure | None = None
    held: bool = False

    @property
    def error(self) -> SyncdError | None:
        return self.done.failure if self.done else None

    @property
    def exit_code(self) -> int:
        return code_for(held=True) if self.held else exit_code_of(self.done or Erasure(self.source))


@dataclass(slots=True)
class Forgetting:
    """What is forgotten. ``copies``: older copies of the state that go; ``clean``: nothing of it is left in its file.

    ``held``: the list that waits for an approval; then nothing was done. ``elsewhere``: backups that syncd has made and
    that are still there, which are not cleaned. ``known``: something of it is stored here, or may be at the target.
    ``declined``: a person was asked, and said no.
    """

    dry_run: bool
    parts: list[SourcePart] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    elsewhere: list[Path] = field(default_factory=list)
    held: Held | None = None
    clean: bool = True
    known: bool = True
    declined: bool = False


def look(state: State, settings: Settings, wanted: Wanted, found: Forgetting) -> None:
    """Say what would go; ``found`` is filled in. The target is asked nothing."""
    found.parts = [_part(state, settings, name, wanted.sought()) for name in sources_of(state, settings, wanted)]
    found.known = any(_is_known(state, part, wanted) for part in found.parts)
    found.copies = _copies(state, wanted, found)
    noted = (Path(each["path"]) for each in state.facts.backups.get())
    found.elsewhere = [path for path in noted if path.exists()]
    found.held = _held(found.parts) if wanted.numbers else None


def _is_known(state: State, part: SourcePart, wanted: Wanted) -> bool:
    stored = any(count for name, count in part.kept.items() if name != "reports")
    said = state.searching.has_key(part.source, wanted.sought().keys)
    return bool(stored or said or part.stays or _needs_target(state, part, wanted))


def _copies(state: State, wanted: Wanted, found: Forgetting) -> list[Path]:
    """Return the older copies that have to go: a key that was mistyped costs nobody the copies."""
    copies = state.copies()
    # What an earlier command erased and did not clean may be in every one of them.
    if found.known or state.erasing.is_unclean():
        return copies
    return copies_that_may_hold(copies, [part.source for part in found.parts], wanted.sought())


def sources_of(state: State, settings: Settings, wanted: Wanted) -> list[str]:
    """Return the sources that are concerned: those of the configuration, and others of which something is stored."""
    if not wanted.numbers:
        return [wanted.source]
    return list(dict.fromkeys([*settings.sources, *state.searching.sources()]))


def forget(session: Session, wanted: Wanted, found: Forgetting, approved: Collection[str] = ()) -> None:
    """Forget what is wanted; ``found`` is filled in as far as it gets.

    ``approved``: the digest of the contacts that a number may be taken from.

    Raises:
        SourceBusy: a run holds a source that is concerned; nothing was done.
        SyncdError: what ended it early; the same command goes on.
    """
    state, settings = session.state, session.settings
    with ExitStack() as leases:
        for name in sources_of(state, settings, wanted):
            leases.enter_context(session.leased(name))
        look(state, settings, wanted, found)
        if found.held and found.held.digest not in approved:
            for part in found.parts:
                part.held = True
            return
        found.held = None
        forgotten = Forgotten(settings.state)
        in_line = {part.source for part in found.parts if _is_in_line(session, part.source)}
        found.entries = wanted.remember(forgotten, session.clock())
        asks = any(_needs_target(state, part, wanted) for part in found.parts)
        schema = settled_schema(session) if asks else None
        _carry_out(session, wanted, found, schema)
        for part in found.parts:
            # What an earlier command left undone is left to the next run of the source.
            if part.source in in_line and part.done and not (part.error or part.done.unfinished):
                state.facts.forgotten(part.source).set(forgotten.of(part.source).stamp)


def _is_in_line(session: Session, source: str) -> bool:
    return session.state.facts.forgotten(source).get() == Forgotten(session.settings.state).of(source).stamp


def _part(state: State, settings: Settings, name: str, sought: Sought) -> SourcePart:
    schema = known_schema(state, name)
    phones = phones_of(state, schema)
    keys = sought.keys | {each.key for each in state.searching.contacts(name, sought, phones)}
    return SourcePart(
        name,
        decided(state, name, sought, _mapped(settings, name), schema),
        state.searching.kept(name, sought, phones),
        state.holdings.sharing_an_id(name, keys),
        state.searching.stays(name, sought.keys | state.searching.let_go_with(name, sought.numbers, phones)),
    )


def _needs_target(state: State, part: SourcePart, wanted: Wanted) -> bool:
    """Return whether something of it may be at the target."""
    # Before a source's first run has ended, the state does not know which fields are phone fields.
    unknown = state.facts.fields(part.source).get() is None and part.source in state.searching.sources()
    phones = state.history.phone_fields()
    return bool(unknown or part.fates or state.searching.unfinished(part.source, wanted.sought(), phones))


def known_schema(state: State, source: str) -> Schema:
    """Return the target's fields as the source's last run knew them."""
    return Schema.of_description(state.facts.fields(source).get())


def _mapped(settings: Settings, source: str) -> Collection[str]:
    configured = settings.sources.get(source)
    return configured.rules.mapping if configured else ()


def _held(parts: Sequence[SourcePart]) -> Held | None:
    """Return the list that holds a number of many contacts."""
    names = sorted(f"{part.source}/{shown_key(each.holder.key)}" for part in parts for each in part.fates)
    if len(names) <= FREE:
        return None
    gone = sum(each.after is None for part in parts for each in part.fates)
    digest = hashlib.sha256("\x1d".join([*names, str(gone)]).encode()).hexdigest()[:16]
    detail = f"{counted(len(names), 'contact')} have this number, and {gone:,} of them would go; {FREE} are free"
    return Held(GATE, "all", tuple(names), digest, detail)


def _carry_out(session: Session, wanted: Wanted, found: Forgetting, schema: Schema | None) -> None:
    last = None
    for part in found.parts:
        session.halt_if_asked()
        part.done = _forgotten(session, part, wanted, schema)
        if isinstance(part.error, ENDS_THE_COMMAND):
            last = part.error
            break
    found.copies, found.clean = session.state.erasing.clean(found.copies)
    if last:
        raise last


def _forgotten(session: Session, part: SourcePart, wanted: Wanted, schema: Schema | None) -> Erasure:
    """Forget one source's part; if something of it may be at the target, it is a run like others."""
    state, name, sought = session.state, part.source, wanted.sought()
    mapped = _mapped(session.settings, name)
    if schema is None or not _needs_target(state, part, wanted):
        return erase(session, name, sought, mapped, schema or known_schema(state, name))
    before, configured, done = session.target.sent, session.settings.sources.get(name), Erasure(name)
    state.runs.begin(session.run, name, configured.digest if configured else "", kind="forget")
    try:
        done = erase(session, name, sought, mapped, schema)
    finally:
        state.runs.end(
            session.run,
            name,
            outcome="failed" if done.failure else "done",
            exit_code=exit_code_of(done),
            requests=session.target.sent - before,
            report={"counts": dict.fromkeys(COUNTS, 0) | dict(done.pushed.counts)},
        )
    log.info("forgotten", source=name, **{name: count for name, count in counts_of(done).items() if count})
    return done


def exit_code_of(done: Erasure) -> int:
    """Return the exit code of one source's part."""
    return code_for(done.failure, rejected=done.pushed.rejected, unknown_outcome=done.unfinished)
