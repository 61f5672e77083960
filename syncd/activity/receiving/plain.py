"""What the receiver knows of the configuration: plain values, handed over as JSON by the child that read the file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Plain:
    """The receiver's settings; every place is an absolute path.

    ``listen``: HOST:PORT or the path of a Unix socket. ``store``: the activity store. ``wake``: the socket on which the
    daemon waits for news. ``path``: of the public address; "" answers on every path. ``secrets``: those that the
    configuration names; ``secret_file`` ("": none) has others. ``tolerance``: seconds. ``certificate``, ``key``: of
    TLS; "" without it.
    """

    listen: str
    store: str
    wake: str
    path: str = ""
    secrets: tuple[str, ...] = ()
    secret_file: str = ""
    tolerance: float = 300.0
    certificate: str = ""
    key: str = ""

    def place(self) -> tuple[str, ...]:
        """Return what the receiver must begin anew for, if it changes."""
        return self.listen, self.store, self.wake, self.certificate, self.key

    def to_json(self) -> str:
        """Return the settings as JSON, secrets included: it is for a pipe only."""
        return json.dumps(asdict(self))


def plain_of(text: str) -> Plain:
    """Return the settings that :meth:`Plain.to_json` wrote.

    Raises:
        ValueError: the text is none of its.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        return Plain(**{**found, "secrets": tuple(found["secrets"])})
    except (TypeError, KeyError) as error:
        raise ValueError("these are no settings of the receiver") from error
