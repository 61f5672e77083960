"""Erases at a sink what was erased here, once a person has approved exactly that list."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.activity.delivering.report import held_json
from syncd.activity.delivering.session import DeliverySession
from syncd.activity.store.leaving.erasing import Record
from syncd.config.sinks import SinkSettings
from syncd.core.plan import Held
from syncd.core.wording import counted
from syncd.errors import SinkError, SourceBusy, SyncdError
from syncd.sink import Sink, as_sink_errors
from syncd.state.glance import erasures_of

GATE = "erase"
"""Holds what a person wants erased at a sink until the list is approved."""


@dataclass(slots=True)
class Erasure:
    """What became of the records at one sink.

    ``erased``: how many are gone now. ``left``: the identities of those that the sink cannot erase, or that it may have
    made without an answer. ``held``: the list that waits for an approval.
    """

    sink: str
    erased: int = 0
    left: list[str] = field(default_factory=list)
    held: Held | None = None
    error: SyncdError | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows of it."""
        held = [held_json(self.held)] if self.held else []
        error = str(self.error) if self.error else None
        return {"sink": self.sink, "erased": self.erased, "left": self.left, "held": held, "error": error}


def erase_at(session: DeliverySession, settings: SinkSettings) -> Erasure:
    """Erase at a sink the records of all that was erased here; without an approval, hold the list.

    What the sink cannot erase is named, and forgotten once a person has approved the list.

    Raises:
        StateError: the state or the store cannot be used.
    """
    done = Erasure(settings.name)
    records = session.store.erasing.left_at(settings.name)
    holds, name = session.state.holds, erasures_of(settings.name)
    if not records:
        holds.keep(name, [])
        return done
    try:
        with session.leased(settings.name), as_sink_errors(), settings.connect() as sink:
            wants = sink.wants()
            known = [each for each in records if each.remote_id is not None and wants.erases]
            done.left = [each.identity for each in records if each not in known]
            held = _list_of(records, done.left)
            if (GATE, held.digest) not in holds.approved(name):
                holds.keep(name, [held])
                done.held = held
                return done
            _erase(session, sink, known, wants.batch, done)
        # What a person has to erase by hand was named when the list was approved.
        session.store.erasing.let_go(settings.name, [each for each in records if each not in known])
        holds.keep(name, [])
    except (SinkError, SourceBusy) as error:
        done.error = error
    return done


def _erase(session: DeliverySession, sink: Sink, records: Sequence[Record], size: int, done: Erasure) -> None:
    for begin in range(0, len(records), size):
        session.halt_if_asked()
        batch = [each.remote_id for each in records[begin : begin + size] if each.remote_id is not None]
        gone = [*sink.erase(batch)]
        session.store.erasing.gone_from(sink.name, gone)
        done.erased += len(gone)
        kept = {*batch} - {*gone}
        done.left += [each.identity for each in records if each.remote_id in kept]


def _list_of(records: Sequence[Record], by_hand: Sequence[str]) -> Held:
    names = tuple(sorted(each.identity for each in records))
    digest = hashlib.sha256("\x1d".join(names).encode()).hexdigest()[:16]
    number = len(names) - len(by_hand)
    said = [f"{counted(number, 'record')} of what was erased here would be erased there, for good"] if number else []
    if by_hand:
        said.append(f"{counted(len(by_hand), 'record')} cannot be erased from here: erase by hand, and approve then")
    return Held(GATE, "delete", names, digest, "; ".join(said))
