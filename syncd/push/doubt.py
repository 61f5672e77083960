"""Whose a contact at the target is when the outcome of a call is unknown.

Search is a hint and equal match values are what finds a contact; but a person may have added one with the same match
values meanwhile. What was sent is the proof: a contact of ours holds nothing that no call of ours has sent.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from syncd.core.outcomes import numbers
from syncd.core.schema import Schema
from syncd.state.journal import Leftover
from syncd.target.contacts import Remote, Target
from syncd.target.lookup import FEW, Index, hint

PATIENCE = 300.0
"""Seconds that a contact may take to appear in the target's list; until then not finding it proves nothing."""


def as_sent(there: Mapping[str, str], sent: Mapping[str, str], schema: Schema) -> bool:
    """Whether a contact with these fields can have come from a call that sent ``sent``.

    A target may leave out, cut and reformat what it is sent; it adds nothing of its own.
    """
    return all(
        _from(value, sent.get(name) or "", phone=name in schema.phones)
        for name, value in there.items()
        if value and name not in schema.match
    )


def _from(there: str, sent: str, *, phone: bool) -> bool:
    if phone:
        return numbers(there) <= numbers(sent)
    return bool(sent) and _plain(sent).startswith(_plain(there))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def made_by(there: Remote, calls: Iterable[Leftover], schema: Schema) -> bool:
    """Whether calls of unknown outcome, all with the match value of ``there``, made it: one of them came first."""
    calls = list(calls)
    new = any(there.id > each.horizon for each in calls)
    return new and any(as_sent(there.fields, each.fields, schema) for each in calls)


def find_left(
    target: Target, schema: Schema, wanted: Sequence[Leftover], ours_among: Callable[[Collection[int]], set[int]]
) -> dict[str, int]:
    """Find the contacts that calls of unknown outcome made, by match value.

    A contact whose id was known before the calls is somebody else's, unless the id is one of ours that the target has
    brought back: ``ours_among`` returns those.
    """
    calls: dict[str, list[Leftover]] = {}
    for each in wanted:
        calls.setdefault(each.match, []).append(each)
    there = _there(target, schema, set(calls)) if calls else {}
    ours = ours_among([there[match].id for match in calls if match in there])
    return {
        match: remote.id
        for match, every in calls.items()
        if (remote := there.get(match)) and (remote.id in ours or made_by(remote, every, schema))
    }


class Finder(Protocol):
    """What :class:`syncd.target.contacts.Target` and :class:`SharedList` do to find contacts."""

    def search(self, text: str) -> list[Remote]: ...

    def contacts(self) -> list[Remote]: ...


class SharedList:
    """The target for several threads that come to list it at once, as after an outage.

    What was begun after a thread asked is as good for it as a list of its own. ``highest``: the highest id of the last
    list, 0 before.
    """

    def __init__(self, target: Target) -> None:
        self.search = target.search
        self._list = target.contacts
        self._reading = threading.Lock()
        self._begun = 0
        self._read = 0
        self._contacts: list[Remote] = []
        self.highest = 0

    def contacts(self) -> list[Remote]:
        begun_before = self._begun
        with self._reading:
            if self._read <= begun_before:
                self._begun += 1
                self._contacts = self._list()
                self.highest = max((each.id for each in self._contacts), default=0)
                self._read = self._begun
            return self._contacts


def find_theirs(target: Finder, schema: Schema, sent: Mapping[str, Sequence[Mapping[str, str]]]) -> set[int]:
    """Find contacts that stand where a call of unknown outcome may have made one, and that it cannot have made.

    ``sent``: the fields that the calls sent, by match value. A few are searched for one by one; for more, the target is
    listed.
    """
    if not sent:
        return set()
    there = by_match(schema, searched(target, sent) if len(sent) <= FEW else target.contacts())
    return {
        remote.id
        for match, calls in sent.items()
        if (remote := there.get(match)) and not any(as_sent(remote.fields, fields, schema) for fields in calls)
    }


def _there(target: Target, schema: Schema, matches: set[str]) -> dict[str, Remote]:
    if len(matches) <= FEW:
        found = by_match(schema, searched(target, matches))
        if matches <= found.keys():
            return found
    return by_match(schema, target.contacts())  # a hint may miss what is there


def searched(target: Finder, matches: Iterable[str]) -> Iterator[Remote]:
    """What a search for each of the match values finds, and perhaps others."""
    return (remote for match in matches for remote in target.search(hint(match)))


def by_match(schema: Schema, remotes: Iterable[Remote]) -> dict[str, Remote]:
    """Contacts of the target by their match values, as ours are known."""
    known = {remote.id: remote for remote in remotes}
    index = Index(lambda: list(known.values()), schema, partly=True).read()
    return {match: known[id_] for match, id_ in index.select("@match", "@id").iter_rows()}
