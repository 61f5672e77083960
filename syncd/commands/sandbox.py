"""``syncd sandbox``: a target, or a HubSpot account, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from syncd.errors import ConfigError
from syncd.report.exit_code import DONE

# The command's options stand here and not in options.py: no other command has any of them.
_PORT_HELP = "Where it listens; 0 takes a free one.  [default: 8088; of HubSpot 8089]"
_DATA_HELP = "Keep the contacts in this file; else in memory."
_LIMITS_HELP = (
    "The key's request windows, or none.  "
    "[default: 60/1m,1000/1h,20000/1d; of HubSpot a free account's, 100/10s,250000/1d]"
)
_DIALECT_HELP = "How it behaves where the guide leaves it open."
_SEED_HELP = "How many invented contacts a new company has."
_KEY_HELP = "The key that it takes.  [default: sandbox-key; of HubSpot pat-na1-sandbox]"
_HUBSPOT_HELP = "Serve a HubSpot account instead, to read contacts from."


def sandbox(
    *,
    port: Annotated[int | None, Option("--port", min=0, max=65535, help=_PORT_HELP)] = None,
    data: Annotated[Path | None, Option("--data", metavar="FILE", help=_DATA_HELP)] = None,
    limits: Annotated[str | None, Option("--limits", metavar="LIMITS", help=_LIMITS_HELP)] = None,
    dialect: Annotated[list[str] | None, Option("--dialect", metavar="NAME=VALUE", help=_DIALECT_HELP)] = None,
    seed: Annotated[int, Option("--seed", min=0, metavar="N", help=_SEED_HELP)] = 0,
    key: Annotated[str | None, Option("--key", help=_KEY_HELP)] = None,
    hubspot: Annotated[bool, Option("--hubspot", help=_HUBSPOT_HELP)] = False,
) -> int:
    """Serve a Vocatech contacts API on this machine, to rehearse with; or a HubSpot account."""
    from syncd.sandbox.limits import parse_limits

    if key is not None and not key.strip():
        raise ConfigError("--key: is empty: write the key that it takes, or leave it out for the default")
    # The two servers have different defaults, so an option that is not given is left out.
    options: dict[str, Any] = {} if port is None else {"port": port}
    options |= {} if key is None else {"key": key}
    options |= {} if limits is None else {"limits": parse_limits(limits)}
    options |= {"dialects": dict(map(_pair, dialect or ())), "seed": seed}
    if not hubspot:
        from syncd.sandbox.server import serve

        serve(data=data, **options)
        return DONE
    from syncd.sandbox.hubspot.server import serve as serve_hubspot

    # Refused, since contacts that a person believes to be kept would be lost.
    if data is not None:
        raise ConfigError("--data: a HubSpot account is kept in memory only: leave it out, or fill it by --seed N")
    serve_hubspot(**options)
    return DONE


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"--dialect {text!r}: write NAME=VALUE, such as update=replace")
    return name, value
