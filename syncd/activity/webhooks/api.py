"""The requests about webhook endpoints. No answer is believed in more than it must be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from syncd.errors import TargetUnavailable
from syncd.rest import Client


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an endpoint should be: its name, its URL and its filters. No ``extensions``: all."""

    name: str
    url: str
    events: tuple[str, ...]
    extensions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        return {
            "name": self.name,
            "url": self.url,
            "event_filters": list(self.events),
            "extension_filters": list(self.extensions),
        }


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an endpoint is. ``secret`` is known only when it was just made; ``status``: "" if the API names none."""

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    extensions: tuple[str, ...]
    status: str = ""
    secret: str = field(default="", repr=False)

    def differences(self, wanted: Wanted) -> list[str]:
        """Return what differs from ``wanted``: of name, url, events and extensions."""
        found = {
            "name": self.name != wanted.name,
            "url": self.url != wanted.url,
            "events": set(self.events) != set(wanted.events),
            "extensions": set(self.extensions) != set(wanted.extensions),
        }
        return [name for name, differs in found.items() if differs]


@dataclass(frozen=True, slots=True)
class Api:
    """The requests, sent by ``client``.

    Each may raise a :class:`~syncd.errors.SyncdError` of the client.
    """

    client: Client

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints of the company."""
        body = self.client.request("GET", "/webhooks").body
        listed = body if isinstance(body, list) else _first_list(body)
        if listed is None:
            raise TargetUnavailable("GET /webhooks answered with no list of endpoints: try again later")
        return [found for found in map(_endpoint, listed) if found]

    def create(self, wanted: Wanted, again: Callable[[], None]) -> Endpoint:
        """Make an endpoint and return it with its secret; without one, its answer was lost on the way.

        ``again`` is called before the request is repeated after an attempt that may have made one.
        """
        body = self.client.request("POST", "/webhooks", json=wanted.to_json(), again=again, finish=True).body
        made = _endpoint(body) or _endpoint(_inner(body))
        if made is None or not made.secret:
            raise TargetUnavailable(
                "POST /webhooks answered without the id or the secret of the endpoint: run syncd webhook create again, "
                "which first deletes what was made"
            )
        return made

    def update(self, number: str, wanted: Wanted) -> None:
        """Bring an endpoint to what is wanted; its secret stays."""
        self.client.request("PATCH", f"/webhooks/{_part(number)}", json=wanted.to_json(), finish=True)

    def delete(self, number: str) -> bool:
        """Delete an endpoint; return False if it was gone already."""
        return self.client.request("DELETE", f"/webhooks/{_part(number)}", returned={404}, finish=True).status != 404

    def test(self, number: str) -> dict[str, Any]:
        """Have a test delivered; return what the API says of it, which proves nothing."""
        body = self.client.request("POST", f"/webhooks/{_part(number)}/test", json={}).body
        known = ("success", "status_code")
        # The text of its error may quote an answer of somebody's server: only plain values are taken.
        return {name: body[name] for name in known if isinstance(body, dict) and isinstance(body.get(name), bool | int)}


def _endpoint(body: Any) -> Endpoint | None:
    if not isinstance(body, Mapping) or not isinstance(body.get("id"), str | int):
        return None
    return Endpoint(
        id=str(body["id"]),
        name=_text(body, "name"),
        url=_text(body, "url"),
        events=_texts(body.get("event_filters")),
        extensions=_texts(body.get("extension_filters")),
        status=_text(body, "status"),
        secret=_text(body, "secret_key"),
    )


def _part(number: str) -> str:
    """Return an id as one part of a path, whatever stands in it."""
    return quote(number, safe="")


def _text(body: Mapping[str, Any], name: str) -> str:
    return found if isinstance(found := body.get(name), str) else ""


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, Iterable) and not isinstance(found, str | Mapping) else ()


def _first_list(body: Any) -> list[Any] | None:
    values = body.values() if isinstance(body, dict) else ()
    return next((each for each in values if isinstance(each, list)), None)


def _inner(body: Any) -> Any:
    """Return the object inside an envelope such as ``{"webhook": {…}}``."""
    values = body.values() if isinstance(body, dict) else ()
    return next((each for each in values if isinstance(each, dict)), None)
