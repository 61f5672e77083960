"""``syncd sandbox``: a target, or a HubSpot account, on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from syncd.errors import ConfigError


def serve_sandbox(
    *,
    port: int | None,
    data: Path | None,
    limits: str | None,
    dialects: Sequence[str],
    seed: int,
    key: str | None,
    hubspot: bool,
) -> int:
    """Serve until Ctrl-C or SIGTERM; None is the default of what is served.

    Raises:
        ConfigError: a value is not usable.
    """
    from syncd.sandbox.limits import parse_limits

    if key is not None and not key.strip():
        raise ConfigError("--key: is empty: write the key that it takes, or leave it out for the default")
    wishes: dict[str, Any] = {"port": port, "key": key}
    wishes = {name: wish for name, wish in wishes.items() if wish is not None}
    if limits is not None:
        wishes["limits"] = parse_limits(limits)
    wishes |= {"dialects": dict(map(_pair, dialects)), "seed": seed}
    if hubspot:
        from syncd.sandbox.hubspot.server import serve as serve_hubspot

        if data is not None:
            raise ConfigError("--data: a HubSpot account is kept in memory only: leave it out, or fill it by --seed N")
        serve_hubspot(**wishes)
        return 0
    from syncd.sandbox.server import serve

    serve(data=data, **wishes)
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"--dialect {text!r}: write NAME=VALUE, such as update=replace")
    return name, value
