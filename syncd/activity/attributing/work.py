"""Decides whose the new and changed calls and messages are, and those that nobody's number was and now is somebody's.

What was decided stays, whatever becomes of the contacts: only an activity of an unknown number is looked at again, when
a contact gets the number. So a lost state changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import polars as pl

from syncd.activity.attributing.index import Index, Regions, given, index_of
from syncd.activity.attributing.position import Position, keep, position_of
from syncd.activity.opening import region_of
from syncd.activity.store.attributions import Place, Question
from syncd.activity.store.store import ActivityStore
from syncd.config import Settings
from syncd.config.activity import Activity
from syncd.core.activity.attribution.deciding import ASKED, Rules, decide
from syncd.core.activity.attribution.decision import Contact, Decision
from syncd.core.activity.attribution.numbers import NUMBER
from syncd.core.activity.numbers import canonical
from syncd.core.activity.observations import Kind
from syncd.core.settings.sinks import Shared
from syncd.state import State
from syncd.state.numbers.numbers import Standing

PAGE = 100_000
"""Activities that are decided at once: more take more memory, fewer more time."""

KINDS: tuple[Kind, ...] = ("call", "message")

_EVER = -1e18
_NUMBERS = 10_000
"""Numbers of one query."""


@dataclass(slots=True)
class Attributed:
    """How many activities were decided, by outcome. ``late``: those of them whose contact got the number later."""

    counts: Counter[str] = field(default_factory=Counter)
    late: int = 0

    def add(self, decisions: Iterable[Decision]) -> None:
        """Count decisions."""
        for each in decisions:
            self.counts[each.outcome] += 1
            self.late += each.as_of == "late"

    def to_json(self) -> dict[str, int]:
        """Return what ``--json`` shows of it."""
        outcomes = ("matched", "shared", "unknown", "internal", "withheld")
        return {**{name: self.counts[name] for name in outcomes}, "late": self.late}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says of it.

    ``own``: the company's own numbers. ``shared``: whose an activity is whose number several contacts have. ``late``:
    how far back a contact that was made later gets its activities, in seconds.
    """

    regions: Regions = field(default_factory=Regions)
    own: frozenset[str] = frozenset()
    shared: Shared = "first"
    late: float = 90 * 86_400.0


def policy_of(settings: Settings, activity: Activity) -> Policy:
    """Return what the configuration says of it."""
    into = region_of(settings)
    regions = Regions({name: source.rules.phones.region for name, source in settings.sources.items()}, into)
    own = frozenset(digits for text in settings.own_numbers if (digits := canonical(text, into)))
    return Policy(regions, own, activity.attribute.shared, activity.attribute.late)


class Attributing:
    """Decides whose activities of ``store`` are, by the contacts of ``state``. The target is asked nothing.

    ``halt_if_asked``: is called between two transactions. ``dry_run``: nothing is stored.
    """

    def __init__(
        self,
        policy: Policy,
        store: ActivityStore,
        state: State,
        *,
        dry_run: bool = False,
        halt_if_asked: Callable[[], None] = lambda: None,
    ) -> None:
        self.policy, self.store, self.state, self.dry_run = policy, store, state, dry_run
        self.halt_if_asked = halt_if_asked
        self._index: tuple[Standing, Index] | None = None

    def run(self, into: Attributed | None = None) -> Attributed:
        """Decide what is new or can be decided now; fill in and return ``into``.

        Raises:
            StateError: the store or the state cannot be used.
            Stopped: the process was asked to stop.
        """
        into = into or Attributed()
        before = position_of(self.store)
        # What comes while this runs is left for the next time.
        upto, standing = self.store.attributions.newest(), self.state.numbers.standing()
        phones = tuple(sorted(self.state.history.phone_fields()))
        own = self._own(before, upto)
        seen = upto
        for questions in self._questions(before, upto, standing, phones, own):
            self.halt_if_asked()
            seen = self._decide(questions, own, seen, into)
        after = Position(seen, *standing, phones, tuple(sorted(own)))
        if after != before and not self.dry_run:
            keep(self.store, after)
        return into

    def _own(self, before: Position, upto: int) -> set[str]:
        found = {*before.own, *self.policy.own}
        return found | self.store.attributions.own_numbers(before.revision, upto) if upto > before.revision else found

    def _questions(
        self, before: Position, upto: int, standing: Standing, phones: tuple[str, ...], own: set[str]
    ) -> Iterator[Sequence[Question]]:
        if upto > before.revision:
            yield from self._changed(before.revision, upto)
        yield from self._open(sorted(own - {*before.own}), _EVER)
        if standing.change and (standing != before.standing or phones != before.phones):
            numbers = self._gained(before, phones)
            yield from self._open(numbers, self.store.clock() - self.policy.late)

    def _changed(self, revision: int, upto: int) -> Iterator[Sequence[Question]]:
        for kind in KINDS:
            place: Place | None = Place(revision + 1)
            while place is not None:
                questions, place = self.store.attributions.changed(kind, place, upto, PAGE)
                yield questions

    def _gained(self, before: Position, phones: tuple[str, ...]) -> list[str]:
        """Return the numbers of unknown activities that a contact has got."""
        unknown = pl.Series(NUMBER, self.store.attributions.open_numbers(), dtype=pl.String)
        if unknown.is_empty():
            return []
        if before.is_of(self.state.numbers, phones):
            theirs = given(self.state.numbers.given_since(before.standing), self.policy.regions, phones)
        else:
            theirs = self.index().periods.get_column(NUMBER)
        return unknown.filter(unknown.is_in(theirs.implode())).to_list()

    def _open(self, numbers: Sequence[str], since: float) -> Iterator[Sequence[Question]]:
        pages = (numbers[start : start + _NUMBERS] for start in range(0, len(numbers), _NUMBERS))
        found = (question for page in pages for question in self.store.attributions.open(page, since))
        while batch := [*islice(found, PAGE)]:
            yield batch

    def _decide(self, questions: Sequence[Question], own: set[str], seen: int, into: Attributed) -> int:
        decisions = self.decisions(questions, own)
        if self.dry_run:
            stored = self.store.attributions.new(decisions)
        else:
            stored, seen = self.store.attributions.put(decisions, seen=seen)
        into.add(stored)
        return seen

    def decisions(self, questions: Sequence[Question], own: set[str]) -> list[Decision]:
        """Return what is decided of activities. ``own``: the company's own numbers."""
        if not questions:
            return []
        index, rules = self.index(), self.rules()
        # What nobody had so long ago stays unknown.
        since = rules.now - rules.late
        asked = [each for each in questions if not each.unknown or each.at >= since or each.number in own]
        frame = pl.DataFrame(
            [(each.number, each.direction, each.at, each.unknown) for each in asked], schema=ASKED, orient="row"
        )
        return [*_decisions(asked, decide(frame, index.periods, own, rules), index.periods)]

    def rules(self) -> Rules:
        """Return how activities find their contacts now."""
        return Rules(self.policy.shared, self.policy.late, self.index().horizon, self.store.clock())

    def index(self) -> Index:
        """Return who has and had which number; it is read again when the journal has moved on."""
        standing = self.state.numbers.standing()
        if self._index is None or self._index[0] != standing:
            self._index = standing, index_of(self.state, self.policy.regions, self.store.clock())
        return self._index[1]


def _decisions(asked: Sequence[Question], decided: pl.DataFrame, periods: pl.DataFrame) -> Iterator[Decision]:
    """Yield the decisions, with the contacts that stand at the places in the periods."""
    lists = ("contacts", "candidates")
    places = pl.concat([decided.get_column(name).explode() for name in lists]).drop_nulls().unique()
    named = periods.select(pl.col("source", "key").gather(places))
    contacts: dict[int, Contact] = dict(zip(places, named.iter_rows(), strict=True))

    def at(places: Iterable[int]) -> tuple[Contact, ...]:
        return tuple(contacts[place] for place in places)

    for question, (outcome, as_of, reason, mine, all_) in zip(asked, decided.iter_rows(), strict=True):
        yield Decision(question.kind, question.id, outcome, question.number, at(mine), at(all_), as_of, reason)
