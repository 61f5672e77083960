"""The HubSpot sink: calls and messages on the timeline of contacts.

``sink_fields`` words records and compares them · ``sink_delivery`` is one delivery: ``sink_records`` writes records and
``sink_links`` links them to contacts · ``sink_names`` finds owners and outcomes · ``sink_search`` looks for records ·
``sink_contacts`` makes contacts of unknown callers · ``sink_setup`` checks and prepares the account.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, cast

from connectors.hubspot.account import Account, Session
from connectors.hubspot.api import BATCH_SIZE, Api
from connectors.hubspot.options import HubSpotSinkOptions
from connectors.hubspot.sink_contacts import contact_of
from connectors.hubspot.sink_delivery import Delivery, Opened
from connectors.hubspot.sink_fields import KINDS, NAMES, rendered
from connectors.hubspot.sink_links import Links
from connectors.hubspot.sink_names import Names
from connectors.hubspot.sink_records import Records
from connectors.hubspot.sink_search import found_by_search
from connectors.hubspot.sink_setup import UNIQUE, Setup, refuse_rules, unique_of
from syncd.errors import SinkError, SourceError, Stopped
from syncd.sink import Item, Note, Options, Outcome, Row, Sink, SinkRules, Wants


class HubSpotSink(Sink):
    """Writes calls and messages of one account.

    The id of a record at the sink has its kind before it: ``calls/70001``. ``transport`` replaces the network.
    ``clock`` gives Unix seconds, ``timer`` monotonic ones.
    """

    OPTIONS = HubSpotSinkOptions

    def __init__(
        self,
        name: str,
        options: Options,
        rules: SinkRules,
        *,
        transport: Any = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(name, options, rules)
        self._account = Account(
            cast(HubSpotSinkOptions, options),
            names=[UNIQUE, *NAMES],
            writes=True,
            transport=transport,
            clock=clock,
            timer=timer,
            sleep=sleep,
        )
        self._stack = ExitStack()
        self._opened: Opened | None = None
        wanted = {"call": rules.calls is not None, "message": rules.messages is not None}
        self._kinds = [KINDS[each] for each, is_wanted in wanted.items() if is_wanted]

    @property
    def sent(self) -> int:
        return self._account.sent

    def wants(self) -> Wants:
        refuse_rules(self.rules)
        unique = self._open().unique
        return Wants(
            batch=BATCH_SIZE,
            idempotent=all(unique[kind] for kind in self._kinds),
            finds=True,
            erases=True,
            makes_contacts=True,
            associates=self.rules.contacts is not None,
        )

    def check(self) -> list[Note]:
        refuse_rules(self.rules)
        with self._account.session() as session:
            return Setup(session, self._kinds, self.name).check(self.rules, self._names)

    def prepare(self) -> list[Note]:
        with self._account.session() as session:
            notes = Setup(session, self._kinds, self.name).prepare()
        # What is open was learned before.
        self.close()
        return notes

    def render(self, row: Row) -> Mapping[str, Any]:
        return rendered(row, self.rules)

    def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        outcomes: dict[str, Outcome] = {}
        try:
            at = self._open()
            for kind in self._kinds:
                ours = [item for item in items if KINDS[item.kind] == kind]
                if ours:
                    Delivery(at, kind, ours, outcomes).run()
        except (SinkError, SourceError, Stopped):
            # What was written is told; the next batch meets the same error, if it lasts.
            if not outcomes:
                raise
        return list(outcomes.values())

    def find(self, items: Sequence[Item]) -> Mapping[str, str | None]:
        at, found = self._open(), dict[str, str | None]()
        for kind in self._kinds:
            ours = [item for item in items if KINDS[item.kind] == kind]
            if at.unique[kind]:
                records = Records(at.session, kind, at.unique[kind])
                known = records.named([item.identity for item in ours], ())
                ids = {item.identity: known.get(item.identity, {}).get("id") for item in ours}
            else:
                ids = found_by_search(at.session, kind, ours)
            found |= {identity: f"{kind}/{id_}" if id_ else None for identity, id_ in ids.items()}
        return found

    def erase(self, remote_ids: Sequence[str]) -> Sequence[str]:
        erased: list[str] = []
        for kind in KINDS.values():
            ours = [each.partition("/")[2] for each in remote_ids if each.startswith(f"{kind}/")]
            for start in range(0, len(ours), BATCH_SIZE):
                gone = Records(self._open().session, kind, "").archive(ours[start : start + BATCH_SIZE])
                erased += [f"{kind}/{each}" for each in gone]
        return erased

    def create_contact(self, number: str, name: str | None) -> str:
        return contact_of(self._open().session, number, name)

    def close(self) -> None:
        self._opened = None
        self._stack.close()

    def cancel(self) -> None:
        self._account.cancel()

    def _open(self) -> Opened:
        if self._opened is None:
            session = self._stack.enter_context(self._account.session())
            api = Api(session)
            definitions = {kind: api.definitions(kind) for kind in self._kinds}
            self._opened = Opened(
                session,
                self._names(session, definitions),
                {kind: unique_of(definitions[kind]) for kind in self._kinds},
                {kind: Links(session, kind) for kind in self._kinds},
            )
        return self._opened

    def _names(self, session: Session, definitions: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Names:
        def options() -> Iterable[Mapping[str, Any]]:
            found = definitions.get("calls", {}).get("hs_call_disposition", {}).get("options")
            return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

        return Names(self.name, session, self.rules, options)
