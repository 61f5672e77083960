"""Who is calling: what a phone shows for a number, what it showed before, and why others are not there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from syncd.core.activity.numbers import LONGEST_EXTENSION, canonical, forms_in
from syncd.core.callers.form import plain, plain_numbers
from syncd.core.change import Fields
from syncd.core.mapping.phone_plan import international, known_region, region_of
from syncd.core.mapping.phone_text import numbers_in

WHY = ("invalid", "excluded", "rejected", "held", "impossible", "policy", "shared match", "forgotten")
"""Why a contact of a source that has a number is not at the target with it."""

_LETTER = re.compile(r"[^\W\d_]")
_SHORT = re.compile(rf"\D*\d{{1,{LONGEST_EXTENSION}}}\D*")


@dataclass(frozen=True, slots=True)
class Caller:
    """A contact that has the number at the target. Times are Unix seconds.

    ``name``: None if the contact has none, or if the field with the names is not known. ``at`` and ``run``: the row and
    the run that last changed it, if they are known. ``since``: when it got the number and this name. ``status``: of the
    ledger; a pending contact may have been changed by a call whose outcome is not known.
    """

    source: str
    key: str
    id: int | None
    name: str | None
    fields: Fields
    at: str | None
    run: str | None
    since: float
    status: str


@dataclass(frozen=True, slots=True)
class Former:
    """A caller until ``until`` (Unix seconds), when ``run`` changed that.

    ``stays``: the id under which the contact may be at the target still: syncd looks after it no more.
    """

    source: str
    key: str
    name: str | None
    until: float
    run: str
    stays: int | None = None


@dataclass(frozen=True, slots=True)
class NotThere:
    """A contact of a source that has the number and is not at the target with it. ``why``: one of :data:`WHY`."""

    source: str
    key: str
    name: str | None
    at: str | None
    why: str
    reason: str


@dataclass(frozen=True, slots=True)
class Whois:
    """The answer. ``before``: the newest first. ``complete``: no row that is not sent was left out of the memory.

    ``possible``: whether such a number can exist where it may be written.
    """

    number: str
    contacts: Sequence[Caller] = ()
    before: Sequence[Former] = ()
    not_there: Sequence[NotThere] = ()
    complete: bool = True
    possible: bool = True

    @property
    def ambiguous(self) -> bool:
        """Whether several contacts have the number: nobody documents which of them is shown."""
        # Two keys may speak of one contact for a while, such as when a contact goes from source to source.
        return len({each.id or (each.source, each.key) for each in self.contacts}) > 1


def written(text: str, regions: Iterable[str], sent: Collection[str], *, per_row: bool = False) -> list[str]:
    """Return the digits that the target may have for a number that a person wrote, the likeliest first.

    ``regions``: in which it may be written (ISO 3166 codes). ``sent``: the regions of the sources, each of which sends
    a number in a form of its own. ``per_row``: rows of a source name their own regions, so the number may also stand in
    the form of the country that it names. [] if the text has no digits.
    """
    found = list[str]()
    for region in regions:
        place = known_region(region) or "US"
        digits = _read(text, place)
        own = region_of(international(digits, place)) if per_row and digits else None
        found += forms_in(digits, place, [*sent, *([own] if own else [])])
    return [each for each in dict.fromkeys(map(plain, found)) if each]


def misread(text: str, regions: Iterable[str]) -> str | None:
    """Return why a text cannot be read as one number in any of these regions; None if it can. It quotes nothing."""
    found = [numbers_in(text, known_region(region) or "US") for region in regions]
    sure = [{each.digits for each in numbers if each.digits and not each.problem} for numbers in found]
    if all(len(numbers) > 1 for numbers in sure):
        return "this is more than one number: write one number"
    lost = any(not each.digits for numbers in found for each in numbers)
    if lost and _LETTER.search(text) and not any(sure):
        return "there are letters in the number: write its digits, such as +1 212 555 0101"
    return None


def is_possible(text: str, regions: Iterable[str]) -> bool:
    """Return whether a text is a possible number of one of these regions, or a short one, as of an extension."""
    if _SHORT.fullmatch(text):
        return True
    found = (each for region in regions for each in numbers_in(text, known_region(region) or "US"))
    return any(each.digits and not each.problem for each in found)


def _read(text: str, region: str) -> str:
    # Letters may be digits, as in 1-800-FLOWERS, and words stand beside an extension.
    if _LETTER.search(text):
        sure = (each.digits for each in numbers_in(text, region) if each.digits and not each.problem)
        return next(sure, None) or canonical(text, region)
    return canonical(text, region)


def holds(fields: Mapping[str, str], numbers: Iterable[str], phones: Iterable[str]) -> bool:
    """Return whether a contact with these fields has one of the numbers in a phone field."""
    wanted = {*numbers}
    return any(not wanted.isdisjoint(plain_numbers(fields.get(name) or "")) for name in phones)


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing that a phone may show: these numbers, as ``name``. ``display``: the field with the names, if known."""

    numbers: Sequence[str]
    phones: Sequence[str]
    display: str | None
    name: str | None

    def of(self, fields: Mapping[str, str]) -> bool:
        """Return whether a contact with these fields is shown so."""
        named = self.display is None or (fields.get(self.display) or None) == self.name
        return named and holds(fields, self.numbers, self.phones)


def since(changes: Iterable[tuple[float, Fields | None, Fields | None]], shown: Shown) -> float | None:
    """Return when a contact came to be shown so; None if no change tells.

    ``changes``: those that were made, the newest first: when, and the fields before and after.
    """
    found = None
    for at, before, after in changes:
        # A field that a change does not name keeps its value.
        if not shown.of({**(before or {}), **(after or {})}):
            break
        found = at
        if before is not None and not shown.of(before):
            break
    return found
