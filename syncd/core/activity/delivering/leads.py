"""Decides which unknown callers become contacts of a sink, and which of them wait for a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from syncd.core.activity.delivering.gates import LEADS, UNKNOWN
from syncd.core.activity.delivering.plan import APPROVED, PASSED, Before
from syncd.core.activity.numbers import LONGEST_EXTENSION, WITHHELD
from syncd.core.settings.sinks import DAY, LeadRules

LOST, REFUSED = 900.0, 3_600.0
"""Seconds until a contact is asked for again whose answer was lost, or which the sink refused. A sink may find what was
made only after minutes, and until then a second try would make a second contact."""


class Caller(NamedTuple):
    """An unknown number. ``number``: digits; None or "" if it is withheld.

    ``calls``, ``talk``: how many calls the sink has, or is to get, of the number, and their answered seconds.
    ``newest``: when the newest of them began, in Unix seconds. ``is_own``: it is the company's. ``is_forgotten``: it
    was erased, and stays away. ``is_out``: it wants no messages. ``before``: what is noted of its contact.
    """

    number: str | None
    calls: int = 0
    talk: float = 0.0
    newest: float = 0.0
    is_own: bool = False
    is_forgotten: bool = False
    is_out: bool = False
    before: Before | None = None


@dataclass(frozen=True, slots=True)
class LeadWorld:
    """What is known of a run. ``now``: Unix seconds. ``older``: a number without a call for so many seconds is left.

    ``made``: contacts that were made in the day before now without an approval. ``odd``: so many numbers are unknown
    that the contacts may be the reason; ``measured``: enough numbers were looked at to say so. ``reopens``: the rules
    have changed since. ``passing``: gates whose lists a person approved just now.
    """

    now: float
    older: float = 30 * DAY
    made: int = 0
    odd: bool = False
    measured: bool = True
    reopens: bool = False
    passing: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Leads:
    """``todo``: numbers to make contacts of now, each with the reason that lets it pass the gates.

    ``held``: the numbers that each gate holds. ``dropped``: those of which no contact is wanted any more.
    """

    todo: Mapping[str, str | None] = field(default_factory=dict)
    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()


def becomes_lead(each: Caller, rules: LeadRules, world: LeadWorld) -> bool:
    """Return whether a contact is to be made of an unknown number."""
    if not each.number or len(each.number) <= LONGEST_EXTENSION:
        return False
    if each.is_own or each.is_forgotten or each.is_out or each.newest < world.now - world.older:
        return False
    return each.calls >= rules.calls or each.talk >= rules.talk


def plan_leads(callers: Iterable[Caller], rules: LeadRules, world: LeadWorld) -> Leads:
    """Return which contacts are made now, and which wait.

    A number becomes a contact once: what a person deletes at the sink is not made again. What a gate holds stays held
    until it is approved or is wanted no more.
    """
    fates: dict[_Fate, list[str]] = {}
    for each in sorted(callers, key=lambda each: (each.newest, each.number or "")):
        fates.setdefault(_fate(each, rules, world), []).append(each.number or "")
    fresh, counted = fates.get("fresh", []), fates.get("counted", [])
    if world.made + len(fresh) > rules.count:
        fresh, counted = [], sorted([*counted, *fresh])
    todo = dict.fromkeys(fates.get("again", [])) | dict.fromkeys(fates.get("approved", []), PASSED)
    held = {gate: tuple(those) for gate, those in ((LEADS, counted), (UNKNOWN, fates.get("odd", []))) if those}
    return Leads(todo | dict.fromkeys(fresh), held, tuple(fates.get("dropped", [])))


_Fate = Literal["nothing", "dropped", "approved", "again", "counted", "odd", "fresh"]
"""``again``: it was begun, and its answer was lost. ``counted``, ``odd``: one of both gates holds it."""


def _fate(each: Caller, rules: LeadRules, world: LeadWorld) -> _Fate:
    status, reason, next_try = (each.before.status, each.before.reason, each.before.next_try) if each.before else _NEW
    if status == "accepted":
        return "nothing"
    if not becomes_lead(each, rules, world):
        return "dropped" if status else "nothing"
    if next_try > world.now:
        return "nothing"
    return _approved_or_not(status, reason, world)


def _approved_or_not(status: str, reason: str | None, world: LeadWorld) -> _Fate:
    if reason in APPROVED or (status == "held" and reason in world.passing):
        return "approved"
    # It was counted when it was begun.
    if status == "pending":
        return "again"
    if status == "held" and reason == LEADS and not world.reopens:
        return "counted"
    stays = status == "held" and reason == UNKNOWN and not world.measured
    return "odd" if world.odd or stays else "fresh"


_NEW = ("", None, 0.0)


def name_of(text: str | None, number: str) -> str | None:
    """Return the caller's name as the network gave it; None if the text only says that there is none."""
    words = " ".join((text or "").split())
    digits = "".join(filter(str.isdigit, words))
    is_number = bool(digits) and not any(map(str.isalpha, words)) and number.endswith(digits[-LONGEST_EXTENSION:])
    return None if words.lower() in WITHHELD or is_number else words
