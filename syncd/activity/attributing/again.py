"""Decides anew whose the calls and messages of some days are, as a person asked; what a person decided stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncd.activity.attributing.position import position_of
from syncd.activity.attributing.work import KINDS, PAGE, Attributing
from syncd.activity.store.attributions import Question
from syncd.core.activity.attribution.decision import Decision


class Changed(NamedTuple):
    """A decision that takes the place of another one; None if there was none."""

    before: Decision | None
    after: Decision


@dataclass(slots=True)
class Again:
    """What it did so far, or would do.

    ``by_hand``: how many stay, since a person decided them. ``kept``: how many stay although their contact is not known
    any more. ``unchanged``: how many would be decided as they are.
    """

    work: Attributing
    changed: list[Changed] = field(default_factory=list)
    unchanged: int = 0
    by_hand: int = 0
    kept: int = 0

    def run(self, first: float, last: float) -> Again:
        """Decide the activities from ``first`` to before ``last`` (Unix seconds); return this.

        Raises:
            StateError: the store or the state cannot be used.
            Stopped: the process was asked to stop.
        """
        own = {*position_of(self.work.store).own, *self.work.policy.own}
        for kind in KINDS:
            for questions in self.work.store.attributions.within(kind, first, last, PAGE):
                self.work.halt_if_asked()
                self._decide(questions, own)
        return self

    def _decide(self, questions: Sequence[Question], own: set[str]) -> None:
        kind, attributions = questions[0].kind, self.work.store.attributions
        before = attributions.decisions(kind, [each.id for each in questions])
        found = self.work.decisions(questions, own)
        new = attributions.new(found, again=True)
        names = {each.id for each in new}
        for each in found:
            was = before.get(each.id)
            if each.id in names:
                self.changed.append(Changed(was, each))
            elif was and was.outcome == "person":
                self.by_hand += 1
            elif was and was.contacts and each.outcome == "unknown":
                self.kept += 1
            else:
                self.unchanged += 1
        if not self.work.dry_run:
            attributions.put(new, again=True)
