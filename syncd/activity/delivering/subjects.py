"""What is delivered: single calls and messages, or conversations, each with the row that a sink words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from syncd.activity.store.changes import Looked
from syncd.activity.store.filter import Only
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.delivering.grouping import Conversation, conversation_row, period_of
from syncd.core.activity.delivering.plan import PASSED, Before, Can, due_of_call
from syncd.core.activity.delivering.settled import DOUBT
from syncd.core.activity.observations import Kind
from syncd.core.settings.sinks import Grouping, SinkRules

Row = Mapping[str, Any]

GROUPS: tuple[Grouping, ...] = ("hour", "day")

_PERIOD = {len("2026-03-10"): "day", len("2026-03-10T14"): "hour"}


class Subject(NamedTuple):
    """A call, a message or a conversation. ``key``: its own; ``members``: the keys of the activities that are in it.

    ``at``: when it was; ``due``: from when on it is delivered, in Unix seconds, None for never. ``contacts``: the
    sink's ids. ``outcome``: of the attribution.
    """

    kind: Kind
    key: str
    members: tuple[str, ...]
    at: float
    due: float | None
    is_kept: bool
    contacts: tuple[str, ...]
    outcome: str | None

    @property
    def identity(self) -> str:
        return f"{self.kind}:{self.key}"


class Whole(NamedTuple):
    """What is delivered of a subject. ``contacts``: the sink's ids."""

    identity: str
    key: str
    row: Row
    contacts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subjects:
    """``where``: the condition of the sink. ``others``: other groupings in which its messages may have come before."""

    store: ActivityStore
    sink: str
    rules: SinkRules
    can: Can
    where: Only
    others: frozenset[str] = frozenset()

    @property
    def group(self) -> Grouping:
        return self.rules.messages.group if self.rules.messages else "none"

    def changed(self, kind: Kind, revision: int) -> Iterator[list[Subject]]:
        """Yield what has changed since a revision, page by page; a subject may come twice."""
        for page in self.store.changes.since(kind, revision):
            yield self._page(kind, page)

    def within(self, kind: Kind, span: tuple[float, float]) -> Iterator[list[Subject]]:
        """Yield what is of a span of Unix seconds, page by page."""
        for page in self.store.changes.within(kind, span):
            yield self._page(kind, page)

    def these(self, kind: Kind, keys: Sequence[str]) -> list[Subject]:
        """Return subjects by their keys; those that are not known are left out."""
        grouped = [key for key in keys if kind == "message" and _is_grouped(key)]
        singles = [key for key in keys if key not in set(grouped)]
        found = self._singles(kind, self.store.changes.these(kind, singles)) if singles else []
        return found + [self._conversation(each) for each in self._named(grouped)]

    def whole(self, kind: Kind, keys: Sequence[str]) -> list[Whole]:
        """Return what is delivered of subjects that were wanted before: those that are here whole, and not open."""
        if kind == "message" and any(map(_is_grouped, keys)):
            those = [each for each in self.these(kind, keys) if each.is_kept and each.due is not None]
            rows = self.rows(those, judged=True)
            return [
                Whole(each.identity, each.key, rows[each.identity], each.contacts)
                for each in those
                if each.identity in rows
            ]
        source = self.rules.contacts
        shown = self._shown(kind, keys, with_texts=True)
        return [
            Whole(f"{kind}:{key}", key, row, tuple(each["key"] for each in row["contacts"] if each["source"] == source))
            for key, row in shown.items()
            if row["status"] != "open"
        ]

    def rows(self, subjects: Iterable[Subject], *, judged: bool = False) -> dict[str, Row]:
        """Return the rows that a sink words, by identity; without those of which nothing is kept or wanted.

        ``judged``: single calls and messages were wanted before, and are so still.
        """
        found: dict[str, Row] = {}
        of_kind: dict[Kind, list[Subject]] = {}
        for each in subjects:
            of_kind.setdefault(each.kind, []).append(each)
        for kind, those in of_kind.items():
            members = [key for each in those for key in each.members]
            shown = self._shown(kind, members)
            for each in those:
                is_single = each.members == (each.key,)
                rows = [shown[key] for key in each.members if key in shown]
                rows = rows if judged and is_single else list(filter(self.where.is_true, rows))
                if rows:
                    found[each.identity] = rows[0] if is_single else conversation_row(each.key, rows)
        return found

    def _page(self, kind: Kind, page: Sequence[Looked]) -> list[Subject]:
        if kind == "message" and self.group != "none":
            return [self._conversation(each) for each in self._conversations(page)]
        return self._singles(kind, page)

    def _singles(self, kind: Kind, page: Sequence[Looked]) -> list[Subject]:
        taken = self._in_conversations(page) if kind == "message" and self.others else frozenset()
        page = self._with_leads(kind, page)
        return [self._single(kind, each) for each in page if each.key not in taken]

    def _single(self, kind: Kind, each: Looked) -> Subject:
        if kind == "call":
            due = due_of_call(
                self.rules,
                self.can,
                status=each.status,
                ended=each.ended,
                listed=each.listed,
                heard=each.heard,
                summary_known=each.summary_known,
            )
        else:
            due = each.sent if self.rules.messages else None
        contacts = self._contacts([each])
        return Subject(kind, each.key, (each.key,), each.at, due, each.is_kept, contacts, each.outcome)

    def _conversation(self, each: Conversation) -> Subject:
        members = self.store.changes.messages_of(each.channel, each.own, each.remote, each.span)
        begin, end = each.span
        apart = self._apart(members, each.key)
        members = self._with_leads("message", [member for member in members if member.key not in apart])
        # A sink that cannot write again gets the conversation once it is over, and lists have had time to show it.
        due = begin if self.can.rewrites("message", self.rules) else end + self.rules.after
        return Subject(
            kind="message",
            key=each.key,
            members=tuple(member.key for member in members),
            at=members[0].at if members else begin,
            due=due if members else None,
            is_kept=all(member.is_kept for member in members),
            contacts=self._contacts(members),
            outcome=members[0].outcome if members else None,
        )

    def _shown(self, kind: Kind, keys: Sequence[str], *, with_texts: bool = False) -> Mapping[str, Row]:
        shown, leads = self.store.activities.shown(kind, keys, with_texts=with_texts), self._leads(kind, keys)
        for key in leads.keys() & shown.keys():
            shown[key]["contacts"] = [{"source": self.rules.contacts, "key": leads[key]}]
        return shown

    def _with_leads(self, kind: Kind, page: Sequence[Looked]) -> list[Looked]:
        """Return activities with the contact that was made of their number, until its source has brought it."""
        leads = self._leads(kind, [each.key for each in page])
        mine = {key: ((self.rules.contacts or "", contact),) for key, contact in leads.items()}
        return [each._replace(contacts=mine[each.key]) if each.key in mine else each for each in page]

    def _leads(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        is_asked = self.rules.leads is not None and self.rules.contacts is not None
        return self.store.leads.contacts(self.sink, kind, keys) if is_asked else {}

    def _contacts(self, members: Iterable[Looked]) -> tuple[str, ...]:
        source = self.rules.contacts
        keys = (key for each in members for name, key in each.contacts if name == source)
        return tuple(dict.fromkeys(keys)) if source else ()

    def _conversations(self, page: Iterable[Looked]) -> list[Conversation]:
        found = (_conversation_of(each, self.group) for each in page)
        return list(dict.fromkeys(each for each in found if each))

    def _named(self, keys: Sequence[str]) -> list[Conversation]:
        """Return the conversations that have these keys: each is found among the messages of its period."""
        found = {each.key: each for each in named(self.store, keys)}
        others = [key for key, each in found.items() if _PERIOD[len(each.period)] != self.group]
        noted = self.store.deliveries.of(self.sink, "message", others) if others else {}
        # Of another grouping, only what may have been made is settled.
        left = {key for key in others if key not in noted or not _may_be_there(noted[key].before)}
        return [each for key, each in found.items() if key not in left]

    def _apart(self, members: Sequence[Looked], own: str) -> frozenset[str]:
        """Return the messages that the sink has in another grouping than in ``own``: they stay where they are."""
        if not self.others:
            return frozenset()
        noted = self.store.deliveries.of(self.sink, "message", [each.key for each in members])
        singles = {key for key, each in noted.items() if each.before.is_there}
        return frozenset(singles) | self._in_conversations(members, own)

    def _in_conversations(self, page: Sequence[Looked], own: str | None = None) -> frozenset[str]:
        of: dict[str, list[Looked]] = {}
        for group in GROUPS:
            if group in self.others:
                for each in page:
                    if conversation := _conversation_of(each, group):
                        of.setdefault(conversation.key, []).append(each)
        of.pop(own or "", None)
        noted = self.store.deliveries.of(self.sink, "message", list(of)) if of else {}
        there = {name: each for name, each in noted.items() if each.before.is_there or _may_be_there(each.before)}
        # What was not known yet when the conversation was sent is not in it.
        those = ((member, each) for name, each in there.items() for member in of[name])
        return frozenset(member.key for member, each in those if member.first_seen <= each.at)


def _may_be_there(before: Before) -> bool:
    """Return whether a record was begun, and its outcome is unknown, or a person looks for it."""
    return before.status == "pending" or before.reason in {DOUBT, PASSED}


def named(store: ActivityStore, keys: Sequence[str]) -> list[Conversation]:
    """Return the conversations that have these keys: each is found among the messages of its period."""
    wanted, found = set(keys), []
    for channel, period in {_period_of_key(key) for key in keys}:
        span = Conversation(channel, None, None, period).span
        each = (Conversation(channel, own, remote, period) for own, remote in store.changes.pairs(channel, span))
        found += [conversation for conversation in each if conversation.key in wanted]
    return found


def messages_in(store: ActivityStore, keys: Sequence[str]) -> frozenset[str]:
    """Return the owners (``message:CHANNEL:ID``) of the messages that are in these conversations."""
    those = named(store, [key for key in keys if _is_grouped(key)])
    members = (store.changes.messages_of(each.channel, each.own, each.remote, each.span) for each in those)
    return frozenset(f"message:{each.key}" for page in members for each in page)


def _conversation_of(each: Looked, group: Grouping) -> Conversation | None:
    if each.sent is None or each.channel is None:
        return None
    return Conversation(each.channel, each.own, each.remote, period_of(each.sent, group))


def _is_grouped(key: str) -> bool:
    """Return whether a key is a conversation's: ``text:0123456789abcdef-2026-03-10``, or with an hour."""
    name, _, period = key.partition(":")[2].partition("-")
    return len(name) == 16 and len(period) in _PERIOD and period[4:5] == "-" == period[7:8]


def _period_of_key(key: str) -> tuple[str, str]:
    channel, _, rest = key.partition(":")
    return channel, rest.partition("-")[2]
