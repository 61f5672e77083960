"""Decides which unknown callers become contacts of a sink, and which of them wait for a person."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.core.activity.delivering.gates import LEADS, UNKNOWN
from syncd.core.activity.delivering.plan import APPROVED, PASSED, Before
from syncd.core.activity.numbers import LONGEST_EXTENSION, WITHHELD
from syncd.core.settings.sinks import DAY, LeadRules

LEAD = "lead"
"""The kind of a lead in the table ``delivery``, beside calls and messages."""

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
    """What is known of a run. ``now``: Unix seconds. ``older``: a number whose last call is older stays unknown, seconds.

    ``made``: contacts that were made in the day before now without an approval. ``odd``: so many numbers are unknown
    that the contacts may be the reason. ``reopens``: the rules have changed since. ``passing``: gates whose lists a
    person approved just now.
    """

    now: float
    older: float = 30 * DAY
    made: int = 0
    odd: bool = False
    reopens: bool = False
    passing: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Leads:
    """``todo``: numbers to make contacts of, the caller of longest ago first, with the reason that lets each pass a gate.

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
    todo: dict[str, str | None] = {}
    fresh: list[str] = []
    held: dict[str, list[str]] = {}
    dropped: list[str] = []
    for each in sorted(callers, key=lambda each: (each.newest, each.number or "")):
        status, reason = (each.before.status, each.before.reason) if each.before else (None, None)
        number = each.number or ""
        if status == "accepted":
            continue
        if not becomes_lead(each, rules, world):
            dropped += [number] if status else []
        elif reason in APPROVED or (status == "held" and reason in world.passing):
            _take(todo, each, PASSED, world)
        elif status == "pending":
            # It was counted when it was begun.
            _take(todo, each, None, world)
        elif status == "held" and reason == LEADS and not world.reopens:
            held.setdefault(LEADS, []).append(number)
        elif world.odd:
            held.setdefault(UNKNOWN, []).append(number)
        elif each.before is None or each.before.next_try <= world.now:
            fresh.append(number)
    if world.made + len(fresh) <= rules.count:
        todo.update(dict.fromkeys(fresh))
    elif fresh:
        held[LEADS] = sorted([*held.get(LEADS, ()), *fresh])
    return Leads(todo, {gate: tuple(those) for gate, those in held.items()}, tuple(dropped))


def _take(todo: dict[str, str | None], each: Caller, reason: str | None, world: LeadWorld) -> None:
    if each.number and (each.before is None or each.before.next_try <= world.now):
        todo[each.number] = reason


def lead_name(number: str) -> str:
    """Return the name of a number in the list of a gate: the state file keeps lists, and a number can be forgotten."""
    return f"{LEAD}:{hashlib.blake2b(number.encode(), digest_size=8).hexdigest()}"


def name_of(text: str | None, number: str) -> str | None:
    """Return the caller's name as the network gave it; None if the text only says that there is none."""
    words = " ".join((text or "").split())
    digits = "".join(filter(str.isdigit, words))
    is_number = bool(digits) and not any(map(str.isalpha, words)) and number.endswith(digits[-LONGEST_EXTENSION:])
    return None if words.lower() in WITHHELD or is_number else words
