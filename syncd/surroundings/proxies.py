"""Which proxy leads to a server: the variables that curl reads, understood as curl does (``man curl``, ENVIRONMENT).

A variable's name is lower case or upper case; lower case counts first. A proxy's address is never shown: it may hold a
password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote, urlsplit

from syncd.surroundings.circumstances import trouble

SCHEMES = {"http": 1080, "https": 443, "socks5": 1080, "socks5h": 1080}
"""The kinds of proxies that can be used, with curl's port for an address that names none."""

_ADDRESS = re.compile(
    r"(?:(?P<user>[^:]*)(?::(?P<password>.*))?@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s\[\]:@/?#%\\\"'<>]+)(?::(?P<port>\d*))?"
)
_NAME = re.compile(r"[\w*-]+(?:\.[\w*-]+)*")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its ``url`` without a user, and the user with the password. ``variable``: where it comes from."""

    variable: str
    url: str
    auth: tuple[str, str] | None = field(default=None, repr=False)


def proxy_for(url: str, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy that leads to ``url`` (``http`` or ``https``); None if there is none.

    Raises:
        ConfigError: a variable that counts for this URL cannot be used.
    """
    target = urlsplit(url)
    variable = _first_set(environ, f"{target.scheme}_proxy", "all_proxy")
    if variable is None or not target.hostname:
        return None
    proxy = _proxy(variable, environ[variable].strip())
    exceptions = _first_set(environ, "no_proxy")
    port = target.port or {"http": 80, "https": 443}.get(target.scheme, 0)
    return None if exceptions and _is_excepted(target.hostname, port, exceptions, environ[exceptions]) else proxy


def _first_set(environ: Mapping[str, str], *names: str) -> str | None:
    """Return the first variable that is set, in lower or upper case."""
    # HTTP_PROXY counts as well: curl leaves it out because of CGI, which syncd is not run by.
    spellings = [spelling for name in names for spelling in (name, name.upper())]
    return next((each for each in spellings if environ.get(each, "").strip()), None)


def _proxy(variable: str, text: str) -> Proxy:
    place = f"${variable}"
    scheme, has_scheme, rest = text.partition("://")
    scheme, rest = (scheme.lower(), rest) if has_scheme else ("http", text)
    if scheme not in SCHEMES:
        raise trouble("proxy", place, f"its kind is not known, {', '.join(SCHEMES)} are")
    if not text.isprintable() or any(map(str.isspace, text)):
        raise trouble("proxy", place, "it holds a space, a line end or an unreadable character (in an address: %20)")
    # curl ends the address at these characters, also within a password.
    address = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in rest and "@" not in address:
        raise trouble("proxy", place, "a /, ? or # of its user or password must be written as %2F, %3F or %23")
    found = _ADDRESS.fullmatch(address)
    if not found or not 0 < int(found["port"] or SCHEMES[scheme]) < 65536:
        raise trouble("proxy", place)
    auth = None if found["user"] is None else (unquote(found["user"]), unquote(found["password"] or ""))
    return Proxy(variable, f"{scheme}://{found['host']}:{int(found['port'] or SCHEMES[scheme])}", auth)


def _is_excepted(host: str, port: int, variable: str, text: str) -> bool:
    host = host.lower().rstrip(".")
    address = _address(host)
    # Every entry is looked at: an entry that is not understood must not be passed over in silence.
    fitting = [entry for entry in re.split(r"[,\s]+", text) if entry and _fits(entry, host, port, address, variable)]
    return bool(fitting)


def _fits(entry: str, host: str, port: int, address: IPv4Address | IPv6Address | None, variable: str) -> bool:
    if entry == "*":
        return True
    name, wanted = _with_port(entry)
    if wanted not in (None, port):
        return False
    plain = name.replace("[", "").replace("]", "")
    with suppress(ValueError):
        # The host part of a network may be anything, as for curl.
        network = ip_network(plain, strict=False)
        return address is not None and address.version == network.version and address in network
    name = name.lower().removeprefix("*").strip(".")
    if not _NAME.fullmatch(name):
        raise trouble("no_proxy", f"${variable}", f"{entry!r} is not understood")
    return host == name or (address is None and host.endswith(f".{name}"))


def _with_port(entry: str) -> tuple[str, int | None]:
    """Return the entry's name and its port, if it has one."""
    found = re.fullmatch(r"(\[.*\]|[^:]*):(\d{1,5})", entry)
    return (found[1], int(found[2])) if found else (entry, None)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        return ip_address(host.partition("%")[0])
    return None
