"""Faults of a network or a server: armed beforehand, they strike the next requests that fit.

``KINDS`` names every kind. Arm one in Python (``sandbox.arm(Status(status=503, times=2))``) or over HTTP
(``POST /_sandbox/faults`` with ``{"kind": "status", "status": 503, "times": 2}``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

from pydantic import TypeAdapter, ValidationError

from syncd.core.wording import nearest
from syncd.errors import ConfigError
from syncd.sandbox.replies import Refused, Reply, error

HTML = "<html><head><title>{status} {title}</title></head><body><h1>{status} {title}</h1></body></html>"
TITLES = {200: "Welcome", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}

Work = Callable[[], Reply]
"""Does what the request asks for, and returns the answer that it would get."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault.

    It strikes requests with this ``method`` and ``path`` (such as ``/contacts``, or ``/media/*``); None: any. The first
    ``after`` requests that fit pass, then ``times`` requests are struck (None: all, until the fault is disarmed).
    ``done``: the request is carried out all the same.
    """

    # Done or not done is the question that a client cannot answer after a lost reply: every fault can be both.

    kind: ClassVar[str] = ""
    method: str | None = None
    path: str | None = None
    times: int | None = 1
    after: int = 0
    done: bool = False

    def fits(self, method: str, path: str) -> bool:
        """Return whether the fault can strike a request of this method and path (without ``/v1``)."""
        if self.method is not None and self.method.upper() != method:
            return False
        wanted = self.path and self.path.removeprefix("/v1")
        return wanted is None or path == wanted or (wanted.endswith("*") and path.startswith(wanted[:-1]))

    @property
    def wait(self) -> float:
        """Seconds between the request and what the fault does."""
        return 0.0

    def strike(self, work: Work) -> Reply:
        """Return the answer in place of ``work``'s own reply."""
        # Without the work there are no rows to log.
        worked = work() if self.done else Reply(200)
        return self._instead(worked)

    def _instead(self, worked: Reply) -> Reply:
        return worked


@dataclass(frozen=True, kw_only=True)
class Status(Fault):
    """An error status in the guide's envelope. ``retry_after`` is sent unchanged as the header of that name."""

    kind: ClassVar[str] = "status"
    status: int = 500
    retry_after: str | None = None

    def _instead(self, worked: Reply) -> Reply:
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        return error(self.status, "The sandbox was told to fail.", headers=headers, rows=worked.rows)


@dataclass(frozen=True, kw_only=True)
class Html(Fault):
    """A page of HTML, as a gateway or a captive portal sends it."""

    kind: ClassVar[str] = "html"
    status: int = 502

    def _instead(self, worked: Reply) -> Reply:
        text = HTML.format(status=self.status, title=TITLES.get(self.status, "Error"))
        return Reply(self.status, text=text, rows=worked.rows)


@dataclass(frozen=True, kw_only=True)
class Empty(Fault):
    """A success without a body."""

    # As a proxy makes it: the work is done, and nothing says for which contacts.

    kind: ClassVar[str] = "empty"
    status: int = 201
    done: bool = True

    def _instead(self, worked: Reply) -> Reply:
        return Reply(self.status, text="", rows=worked.rows)


@dataclass(frozen=True, kw_only=True)
class Drop(Fault):
    """The connection ends without an answer; with ``done`` the work was done and only its answer is lost."""

    kind: ClassVar[str] = "drop"

    def _instead(self, worked: Reply) -> Reply:
        return replace(worked, cut="all")


@dataclass(frozen=True, kw_only=True)
class Truncate(Fault):
    """The connection ends after half of the body."""

    # The client has seen a good status by then: only the length of the body shows that something is missing.

    kind: ClassVar[str] = "truncate"
    done: bool = True

    def _instead(self, worked: Reply) -> Reply:
        return replace(worked, cut="half")


@dataclass(frozen=True, kw_only=True)
class Slow(Fault):
    """The answer takes ``seconds``; then the work is done, or with ``done=False`` it is not, and 504 is the answer."""

    kind: ClassVar[str] = "slow"
    seconds: float = 1.0
    done: bool = True

    @property
    def wait(self) -> float:
        return self.seconds

    def _instead(self, worked: Reply) -> Reply:
        return worked if self.done else error(504, "The server took too long.")


@dataclass(frozen=True, kw_only=True)
class Hold(Fault):
    """The answer waits until the faults are disarmed; the work is done after the wait, or with ``done`` before it."""

    # The application waits itself: strike() must not, since it would stop the server's loop.

    kind: ClassVar[str] = "hold"


@dataclass(frozen=True, kw_only=True)
class Poison(Fault):
    """Rows with ``value`` in ``field`` (None: any field) are refused; ``whole``: the status for their batch."""

    # No end by default: a poisoned row stays bad until somebody corrects it.

    kind: ClassVar[str] = "poison"
    times: int | None = None
    done: bool = True
    value: str
    field: str | None = None
    whole: int | None = None

    def bites(self, row: Mapping[str, Any]) -> bool:
        """Return whether this row is refused.

        Raises:
            Refused: the whole batch is refused.

        """
        values = row.values() if self.field is None else [row.get(self.field)]
        # A value may be a list or a mapping, which cannot be hashed: look through a list, not a set.
        found = self.value in list(values)
        if found and self.whole is not None:
            raise Refused(self.whole, "The contacts are not valid.")
        return found


F = TypeVar("F", bound=Fault)

KINDS: Mapping[str, type[Fault]] = {
    kind.kind: kind for kind in (Status, Html, Empty, Drop, Truncate, Slow, Hold, Poison)
}
"""Every kind of fault by its name."""


def parse_fault(body: Any, kinds: Mapping[str, type[Fault]] = KINDS) -> Fault:
    """Read ``{"kind": "status", "status": 503, …}``.

    Raises:
        ConfigError: there is no such kind or parameter (the message lists the known ones), or one is missing or wrong.

    """
    if not isinstance(body, Mapping):
        raise ConfigError('a fault is an object such as {"kind": "status", "status": 503}')
    options = dict(body)
    name = options.pop("kind", None)
    kind = kinds.get(str(name))
    if kind is None:
        raise ConfigError(f"no fault is called {name!r}{nearest(str(name), kinds)}; there are: {', '.join(kinds)}")
    known = {field.name: field for field in fields(kind)}
    for option in options:
        if option not in known:
            near = nearest(option, known)
            raise ConfigError(f"the fault {name} has no parameter {option!r}{near}; it has: {', '.join(known)}")
    try:
        return TypeAdapter(kind).validate_python(options)
    except ValidationError as invalid:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in invalid.errors())
        raise ConfigError(f"the fault {name}: {problems}") from None


@dataclass(slots=True)
class _Armed:
    fault: Fault
    skip: int
    left: int | None

    def take(self) -> bool:
        """Return whether the fault strikes this request, which fits it; count the request."""
        if self.skip:
            self.skip -= 1
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """The armed faults. A request is struck by the first fault that fits and is not used up, and by every poison.

    ``disarmed`` counts how often the faults were disarmed; ``holding`` counts the requests that wait for it.
    """

    # A lock: faults are armed from the tests' threads and strike in the server's.

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self.disarmed = 0
        self.holding = 0

    def arm(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(_Armed(fault, fault.after, fault.times))

    def disarm(self) -> None:
        with self._lock:
            self._armed.clear()
            self.disarmed += 1

    def struck(self, method: str, path: str) -> tuple[Fault | None, Sequence[Poison]]:
        """Return the fault that strikes this request, if any, and all poisons; each counts the request."""
        with self._lock:
            poisons, fault = [], None
            for armed in self._armed:
                if not armed.fault.fits(method, path):
                    continue
                # Poisons are beside the one fault: they strike rows, not the request.
                if isinstance(armed.fault, Poison):
                    poisons += [armed.fault] if armed.take() else []
                elif fault is None and armed.take():
                    fault = armed.fault
            self._armed = [armed for armed in self._armed if armed.left != 0]
            return fault, poisons

    def aside(self, kind: type[F], fits: Callable[[F], bool] = lambda _: True) -> F | None:
        """Return the first fault of this kind that strikes something else than a request, if any; it counts that."""
        with self._lock:
            found = None
            for armed in self._armed:
                fault = armed.fault
                if isinstance(fault, kind) and found is None and fits(fault) and armed.take():
                    found = fault
            self._armed = [armed for armed in self._armed if armed.left != 0]
            return found

    def standing(self, kind: type[F]) -> list[F]:
        """Return the faults of this kind, which last until they are disarmed."""
        with self._lock:
            return [armed.fault for armed in self._armed if isinstance(armed.fault, kind)]

    def shown(self) -> list[dict[str, Any]]:
        """Return the armed faults with the requests that they still pass and strike, as JSON."""
        with self._lock:
            return [
                {"kind": armed.fault.kind, **asdict(armed.fault), "after": armed.skip, "times": armed.left}
                for armed in self._armed
            ]
