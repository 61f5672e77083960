"""``syncd sandbox``: a target, or a HubSpot account, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from syncd.core.settings.durations import parse_duration
from syncd.errors import ConfigError
from syncd.report.exit_code import DONE

# The command's options stand here and not in options.py: no other command has any of them.
_PORT_HELP = "Where it listens; 0 takes a free one.  [default: 8088; of HubSpot 8089]"
_DATA_HELP = "Keep the contacts in this file; else in memory. Calls, messages and webhooks are always in memory."
_LIMITS_HELP = (
    "The key's request windows, or none, which is for reports and messaging too.  "
    "[default: 60/1m,1000/1h,20000/1d; of HubSpot a free account's, 100/10s,250000/1d]"
)
_REPORTS_HELP = "The windows of the lists of calls and messages, or none.  [default: 30/1m,500/1h,10000/1d]"
_MESSAGING_HELP = "The windows of sending messages, or none.  [default: 5/10m]"
_TRAFFIC_HELP = "Let invented people call and write: so many calls a day, such as 5000/day."
_SPEED_HELP = "Let the calls happen so many times as fast, and retries of deliveries come so much sooner."
_PAST_HELP = "How long ago the traffic begins; with --speed it runs from there up to now.  [default: 1d]"
_DIALECT_HELP = "How it behaves where the guide leaves it open."
_SEED_HELP = "How many invented contacts a new company has."
_KEY_HELP = "The key that it takes.  [default: sandbox-key; of HubSpot pat-na1-sandbox]"
_HUBSPOT_HELP = "Serve a HubSpot account instead, to read contacts from."


def sandbox(  # noqa: PLR0913 (each is an option)
    *,
    port: Annotated[int | None, Option("--port", min=0, max=65535, help=_PORT_HELP)] = None,
    data: Annotated[Path | None, Option("--data", metavar="FILE", help=_DATA_HELP)] = None,
    limits: Annotated[str | None, Option("--limits", metavar="LIMITS", help=_LIMITS_HELP)] = None,
    dialect: Annotated[list[str] | None, Option("--dialect", metavar="NAME=VALUE", help=_DIALECT_HELP)] = None,
    seed: Annotated[int, Option("--seed", min=0, metavar="N", help=_SEED_HELP)] = 0,
    key: Annotated[str | None, Option("--key", help=_KEY_HELP)] = None,
    reports: Annotated[str | None, Option("--reports", metavar="LIMITS", help=_REPORTS_HELP)] = None,
    messaging: Annotated[str | None, Option("--messaging", metavar="LIMITS", help=_MESSAGING_HELP)] = None,
    traffic: Annotated[str | None, Option("--traffic", metavar="N/day", help=_TRAFFIC_HELP)] = None,
    speed: Annotated[float | None, Option("--speed", min=1, metavar="FACTOR", help=_SPEED_HELP)] = None,
    since: Annotated[str | None, Option("--since", metavar="DURATION", help=_PAST_HELP)] = None,
    hubspot: Annotated[bool, Option("--hubspot", help=_HUBSPOT_HELP)] = False,
) -> int:
    """Serve a Vocatech API on this machine, to rehearse with; or a HubSpot account."""
    from syncd.sandbox.limits import parse_limits

    if key is not None and not key.strip():
        raise ConfigError("--key: is empty: write the key that it takes, or leave it out for the default")
    # The two servers have different defaults, so an option that is not given is left out.
    options: dict[str, Any] = {} if port is None else {"port": port}
    options |= {} if key is None else {"key": key}
    options |= {} if limits is None else {"limits": parse_limits(limits)}
    options |= {"dialects": dict(map(_pair, dialect or ())), "seed": seed}
    phones: dict[str, Any] = {} if reports is None else {"reports": parse_limits(reports)}
    phones |= {} if messaging is None else {"messaging": parse_limits(messaging)}
    phones |= {} if traffic is None else {"traffic": _per_day(traffic)}
    phones |= {} if speed is None else {"speed": speed}
    phones |= {} if since is None else {"past": _duration(since)}
    if not hubspot:
        from syncd.sandbox.server import serve

        serve(data=data, **options, **phones)
        return DONE
    from syncd.sandbox.hubspot.server import serve as serve_hubspot

    # Refused, since contacts that a person believes to be kept would be lost.
    if data is not None:
        raise ConfigError("--data: a HubSpot account is kept in memory only: leave it out, or fill it by --seed N")
    if phones:
        raise ConfigError("a HubSpot account has no phones: leave out --traffic, --speed, --since and their limits")
    serve_hubspot(**options)
    return DONE


def _per_day(text: str) -> int:
    number, slash, unit = text.replace(" ", "").partition("/")
    if not (number.isascii() and number.isdecimal() and 0 < len(number) < 7 and (not slash or unit in ("day", "d"))):
        raise ConfigError(f"--traffic {text!r}: write calls a day, such as 5000/day (at most 999999)")
    return int(number)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as problem:
        raise ConfigError(f"--since: {problem}") from None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"--dialect {text!r}: write NAME=VALUE, such as update=replace")
    return name, value
