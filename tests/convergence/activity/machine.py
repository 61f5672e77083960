"""The machine: a company's phones, everything that can go wrong between them and the store, and a quiet time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from syncd.errors import SyncdError
from syncd.sandbox.activity.model import Call
from syncd.sandbox.activity.webhooks.delivery import body_of, signature
from tests.convergence.activity.door import Death
from tests.convergence.activity.house import BEGIN, House, Power
from tests.convergence.activity.sinks import Killed, Trouble, troubles
from tests.convergence.activity.truths import Truths
from tests.convergence.activity.worlds import (
    DAY,
    HOUR,
    Opening,
    api_faults,
    calls,
    event_faults,
    messages,
    openings,
    skews,
)
from tests.convergence.plant import PowerCut

PLACES = st.integers(0, 30)
LONGEST = 5 * DAY
"""So long may a company live before the quiet time: what changes later than a week after its day is not read again."""

Step = tuple[str, Any]


def steps() -> st.SearchStrategy[Step]:
    """Draw what happens on the phones: a step of :meth:`Activity.happen`."""
    return st.one_of(
        st.tuples(st.just("call"), calls()),
        st.tuples(st.just("message"), messages()),
        st.tuples(st.just("hang up"), PLACES),
        st.tuples(st.just("text"), st.tuples(PLACES, PLACES, st.booleans())),
        st.tuples(st.just("status"), st.tuples(PLACES, st.sampled_from(("delivered", "failed", "read")))),
        st.tuples(st.just("rename"), PLACES),
        st.tuples(st.just("forget"), PLACES),
    )


class Activity(Truths):
    """Traffic, runs, faults and deaths; then a quiet time and a comparison."""

    @initialize(opening=openings())
    def begin(self, opening: Opening) -> None:
        self.opening = opening
        self.house, self.made = House(self.home, opening), True
        self.words = 0
        for number in range(opening.before):
            self.house.phones.call(start=BEGIN - DAY - number * 4 * HOUR, talk=30.0, size=100, announce=False)

    def teardown(self) -> None:
        try:
            if self.made:
                self._converge()
        finally:
            self.end()

    # The phones.

    @rule(steps=st.lists(steps(), min_size=1, max_size=6))
    def happen(self, steps: list[Step]) -> None:
        for each in steps:
            self._happen(each)
        self.house.wait(1.0)

    def _happen(self, step: Step | None) -> None:
        if step is None:
            return
        what, about = step
        acts: dict[str, Callable[[Any], None]] = {
            "call": self._call,
            "message": lambda drawn: self._message(**drawn),
            "hang up": self._hang_up,
            "text": lambda drawn: self._text(*drawn),
            "status": lambda drawn: self._status(*drawn),
            "rename": self._rename,
            "forget": self._forget,
        }
        acts[what](about)

    def _call(self, drawn: dict[str, Any]) -> None:
        legs, hall, running = drawn["legs"], drawn["hall"], drawn["running"]
        # Two legs of one phone that begin at one moment would be one.
        once = {(leg["extension"], leg["after"]): leg for leg in legs}
        segments = [*([hall] if hall else []), *once.values()]
        start = None if drawn["ago"] is None else self.house.now - drawn["ago"]
        if running:
            segments[-1] = {**segments[-1], "talk": None, "after": 0.0}
            start = self.house.now if start is None else start
        segments.sort(key=lambda each: float(each.get("after", 0.0)))
        names = ("direction", "remote_number", "remote_name", "announce")
        chosen = {name: drawn[name] for name in names}
        if drawn["direction"] == "internal":
            chosen |= {"remote_number": "102", "group_number": ""}
        self.house.phones.call(segments=segments, start=start, **chosen)

    def _message(self, **drawn: Any) -> None:
        if drawn["direction"] == "incoming":
            drawn["statuses"] = ()
        self.house.phones.message(**drawn)

    def _recent(self, place: int) -> Call | None:
        """Return a call that is not so old that nobody reads its day again."""
        found = [call for call in self._calls() if call.start > self.house.now - 4 * DAY and call.id not in self.gone]
        return found[place % len(found)] if found else None

    def _hang_up(self, place: int) -> None:
        running = [call for call in self._calls() if call.end == float("inf")]
        if running:
            self.house.phones.hang_up(running[place % len(running)].id)

    def _text(self, place: int, segment: int, announce: bool) -> None:
        call = self._recent(place)
        if call is None or call.end > self.house.now:
            return
        self.words += 1
        texts = f"summary: words of {self.words}", f"words of {self.words}"
        self.given.setdefault(call.id, set()).update(texts)
        answered = [at for at, each in enumerate(call.segments) if each.answered is not None] or [0]
        self.house.phones.transcribe(call.id, *texts, segment=answered[segment % len(answered)], announce=announce)

    def _status(self, place: int, status: str) -> None:
        found = [
            each
            for each in self._messages()
            if each.direction == "outgoing" and each.start > self.house.now - 4 * DAY
            if each.statuses[-1][1] <= self.house.now
        ]
        if found:
            message = found[place % len(found)]
            self.house.phones.status(message.id, status, channel=message.channel)

    def _rename(self, place: int) -> None:
        call = self._recent(place)
        if call:
            self.house.phones.rename(call.id, "Bob Stone")

    def _forget(self, place: int) -> None:
        call = self._recent(place)
        if call:
            self.gone.add(call.id)
            self.house.phones.forget(call.id)

    # Time, and what goes wrong.

    @precondition(lambda self: self.house.now < BEGIN + LONGEST)
    @rule(seconds=st.sampled_from((5.0, 120.0, 700.0, 2 * HOUR, 9 * HOUR, DAY)))
    def wait(self, seconds: float) -> None:
        self.house.wait(seconds)

    @rule(faults=st.lists(event_faults() | api_faults() | skews(), min_size=1, max_size=3))
    def trouble(self, faults: list[dict[str, Any]]) -> None:
        self.house.arm(faults)

    @rule(trouble=troubles())
    def trouble_at_a_sink(self, trouble: Trouble) -> None:
        self.house.sinks.trouble(*trouble)

    @rule()
    def lose_what_was_delivered(self) -> None:
        with self.house.store() as store:
            self.house.sinks.lose(store)

    @rule()
    def calm(self) -> None:
        self.house.world.faults.disarm()
        self.house.sinks.calm()

    @rule(is_open=st.booleans())
    def door(self, is_open: bool) -> None:
        """Begin or end the receiver."""
        self.house.door.open = is_open

    @rule(death=st.sampled_from(("before", "after")))
    def die_at_a_delivery(self, death: Death) -> None:
        self.house.door.dies = death

    @precondition(lambda self: self.opening.webhooks)
    @rule()
    def subscribe_again(self) -> None:
        """Make the endpoint again if it was taken away."""
        active = [each for each in self.house.world.desk.webhooks.endpoints.values() if each.status == "active"]
        if not active:
            self.house.subscribe()

    @rule(late=st.sampled_from((0, 0, 400)), signed=st.booleans())
    def forge(self, late: int, signed: bool) -> None:
        """Somebody invents an event, or repeats the body of one with another time, or sends one without a signature."""
        data = {"call_id": "forged", "direction": "incoming", "start_time": "2027-01-15T08:00:00.000Z"}
        event = {"id": "evt_forged_event", "event_type": "call.ended", "timestamp": "2027-01-15T08:00:00+00:00"}
        body = body_of({**event, "company_id": 123, "data": data})
        header = signature("whsec_somebody_else", int(self.house.now) - late, body)
        assert self.house.knock(body, header if signed else "t=1") in {0, 401}

    # Runs.

    @rule(meanwhile=st.lists(st.none() | steps(), max_size=12), cut=st.none() | st.integers(1, 60))
    def run(self, meanwhile: list[Step | None], cut: int | None) -> None:
        """Run while calls come and go; perhaps the process is killed."""
        house = self.house
        house.meanwhile = [partial(self._happen, each) for each in meanwhile]
        try:
            house.run(Power(cut))
        except (PowerCut, Killed):
            # The lease of a killed process runs out.
            house.wait(120.0)
        except SyncdError as error:
            self.seen_error(error)
        finally:
            house.meanwhile = []

    def seen_error(self, error: SyncdError) -> None:
        assert error.exit_code != 1, f"a run ended as by a defect: {error!r}"

    @rule()
    def clean_run(self) -> None:
        """Run while nothing goes wrong: what the lists have of today and yesterday is stored then."""
        self.house.world.faults.disarm()
        self.house.sinks.calm()
        self.house.wait(120.0)
        done = self.house.run()
        assert done.error is None, f"a clean run has failed: {done.error!r}"
        self._is_current()
