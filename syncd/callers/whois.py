"""Tells who is calling, from the state alone: whom a phone shows, whom it showed before, and why not somebody else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from syncd.config import Settings
from syncd.core.callers.whois import Caller, Former, NotThere, Shown, Whois, since, written
from syncd.core.forgetting.marks import digest_of
from syncd.core.wording import shown_key
from syncd.errors import ConfigError
from syncd.state.leaving.forgotten import Forgotten
from syncd.state.numbers.book import NumberBook
from syncd.state.place import is_there

FORGOTTEN = "a person asked to forget this number: no source sends it"


def whois(settings: Settings, text: str, region: str | None = None) -> Whois:
    """Return who has the number that ``text`` is; ``region``: in which it is written, if not in those of the sources.

    Raises:
        ConfigError: the text is no number, or no run has made a state yet.
        StateError: the state cannot be read.
    """
    rules = [each.rules.phones for each in settings.sources.values()]
    regions = [region] if region else [*dict.fromkeys(each.region for each in rules)] or ["US"]
    numbers = written(text, regions, per_row=any(each.region_column for each in rules))
    if not numbers:
        raise ConfigError("NUMBER: this is no phone number: it has no digits; write it in any way: +1 212 555 0101")
    if not is_there(settings.state):
        raise ConfigError(f"{settings.state}: there is no state yet, so nobody is known: syncd run makes it")
    with NumberBook(settings.state) as book:
        answer = _Answer(book, numbers, settings.target.display, frozenset(settings.sources))
        return answer.whois(Forgotten(settings.state))


def phones_of(settings: Settings) -> frozenset[str]:
    """Return the names of the target's phone fields, as far as runs knew them."""
    with NumberBook(settings.state) as book:
        return book.phones()


class _Answer:
    """Puts together what the state says of numbers that are one number, in the forms of several regions."""

    def __init__(self, book: NumberBook, numbers: Sequence[str], display: str | None, read: Collection[str]) -> None:
        """``read``: the sources of the configuration."""
        self._book = book
        self._read = read
        self._numbers = numbers
        self._phones = book.phones()
        schemas = book.schemas()
        self._displays = {source: schema.display(display) for source, schema in schemas.items()}
        # A source that has not ended a run has no schema of its own.
        self._display = book.seen().display(display)

    def whois(self, forgotten: Forgotten) -> Whois:
        """Return the answer."""
        contacts = [self._caller(row) for row in self._book.holders(self._numbers, self._phones)]
        there = {(each.source, each.key) for each in contacts}
        not_there = [each for each in self._not_there() if (each.source, each.key) not in there]
        gone = [NotThere("", "", None, None, "forgotten", FORGOTTEN)] if self._is_forgotten(forgotten) else []
        return Whois(
            number=self._number(contacts),
            contacts=contacts,
            before=[*self._former()],
            not_there=[*not_there, *gone],
            complete=self._book.is_complete(self._read),
        )

    def _number(self, contacts: Sequence[Caller]) -> str:
        """Return the form of the number that contacts have, or else the likeliest one."""
        found = (each for each in self._numbers if any(self._shown([each], None).of(one.fields) for one in contacts))
        return next(found, self._numbers[0])

    def _shown(self, numbers: Sequence[str], display: str | None, name: str | None = None) -> Shown:
        return Shown(numbers, sorted(self._phones), display, name)

    def _caller(self, row: Mapping[str, Any]) -> Caller:
        display = self._displays.get(row["source"], self._display)
        name = row["fields"].get(display) if display else None
        changes = self._book.changes(row["source"], row["key"])
        last: Mapping[str, Any] = changes[0] if changes else {}
        steps = ((each["at"], each["before"], each["after"]) for each in changes)
        at = since(steps, self._shown(self._numbers, display, name))
        return Caller(
            source=row["source"],
            key=shown_key(row["key"]),
            id=row["id"],
            name=name,
            fields=row["fields"],
            at=last.get("place"),
            run=last.get("run"),
            since=row["created"] if at is None else at,
            status=row["status"],
        )

    def _former(self) -> Iterator[Former]:
        told = set[tuple[str, str]]()
        for row in self._book.former(self._numbers):
            # Of the names that a contact had, the last is what is left of it.
            stays = None if (row["source"], row["key"]) in told else row["stays"]
            told.add((row["source"], row["key"]))
            yield Former(row["source"], shown_key(row["key"]), row["name"] or None, row["until"], row["run"], stays)

    def _not_there(self) -> Iterator[NotThere]:
        for row in self._book.unsent(self._numbers):
            if row["source"] not in self._read:
                # Nobody knows whether the row is still there, and no run would ever send it.
                continue
            key, name = shown_key(row["key"]), row["name"] or None
            yield NotThere(row["source"], key, name, row["at"] or None, row["why"], row["reason"])
        for row in self._book.left_out(self._numbers):
            changes = self._book.changes(row["source"], row["key"])
            place = changes[0]["place"] if changes else None
            display = self._displays.get(row["source"], self._display)
            name = (row["fields"] or {}).get(display) if display else None
            yield NotThere(row["source"], shown_key(row["key"]), name or None, place, "policy", row["reason"])

    def _is_forgotten(self, forgotten: Forgotten) -> bool:
        # A number of calls and messages alone may be a contact's again.
        marks = forgotten.of("")
        return any(digest_of("number", each, marks.salt) in marks.numbers for each in self._numbers)
