"""The small values of a configuration: windows, shares, addresses, phone numbers, secrets.

Each reader takes the value in the file and raises :class:`ValueError` with a sentence that continues after the value
and says how to write it. The sentence never repeats the value, which may come from a variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, final

from syncd.budget import Window
from syncd.core.settings import durations
from syncd.core.settings.durations import parse_duration
from syncd.core.wording import nearest
from syncd.errors import ConfigError

_LIMIT_FORM = "write requests per time, such as 60/1m, 1000/1h"
_SHARE_FORM = "write a percentage such as 20%, or a number from 0 to 1"
DEFAULT_LIMITS = (Window(60, 60.0), Window(1000, 3600.0), Window(20000, 86400.0))
"""The guide's default tier (Rate limits)."""

REPORTS_LIMITS = (Window(30, 60.0), Window(500, 3600.0), Window(10000, 86400.0))
"""The guide's tier of GET /calls and GET /messages."""

MESSAGING_LIMITS = (Window(5, 600.0),)
"""The guide's tier of POST /messages."""

_NO_PART = "lets no request through: write one from 1% to 100%"
_URL_FORM = "is not an address: write https://HOST/PATH"


@final
class Secret:
    """Text that is never shown: not by ``repr``, ``str``, ``format`` or a dump of the model that holds it.

    ``missing``: why the text is missing, if the command works without it.
    """

    __slots__ = ("_text", "missing")

    def __init__(self, text: str, *, missing: str = "") -> None:
        self._text = text
        self.missing = missing

    def reveal(self) -> str:
        """Return the text. The caller must not let it reach a log, a message or a file.

        Raises:
            ConfigError: the text is missing.
        """
        if self.missing:
            raise ConfigError(self.missing)
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    # Pickling would write the text in clear; copying must work, since pydantic copies its models.
    def __reduce__(self) -> str:
        raise TypeError("a secret is not serialised")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


def _matched(value: str | float, pattern: str, sentence: str) -> str:
    """Return the text of ``value`` without outer white space; raise ValueError unless it has the form ``pattern``."""
    text = str(value).strip()
    if not re.fullmatch(pattern, text):
        raise ValueError(sentence)
    return text


def parse_timeout(value: str | float) -> float:
    """Return the seconds of a duration that is longer than 0.

    Raises:
        ValueError: it is no duration, or 0.

    """
    seconds = parse_duration(value)
    if seconds == 0:
        raise ValueError(f"is no time at all: {durations.FORM}")
    return seconds


def parse_limits(value: Any, default: tuple[Window, ...] = DEFAULT_LIMITS) -> tuple[Window, ...]:
    """Return the windows in ``60/1m, 1000/1h``, in a list of such texts, or in ``{windows: …, share: 80%}``.

    An empty list means no limit. With a share, the windows have that share of their requests, at least one: other
    programs use the rest of the key. Without the key ``windows``, it is a share of the ``default``.

    Raises:
        ValueError: a window or the share does not have this form.

    """
    if not isinstance(value, Mapping):
        items = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
        # Without the key `windows`, the share is of the default limits, which are windows already.
        return tuple(item if isinstance(item, Window) else _window(item) for item in items)
    if "share" not in value or not value.keys() <= {"windows", "share"}:
        raise ValueError("limits have the keys windows and share: write {windows: [60/1m, 1000/1h], share: 80%}")
    try:
        share = parse_share(value["share"])
    except ValueError as error:
        raise ValueError(f"the share {error}") from None
    if share == 0:
        raise ValueError(f"a share of nothing {_NO_PART}")
    windows = parse_limits(value.get("windows", default))
    return tuple(Window(window.part(share), window.seconds) for window in windows)


def parse_part(value: str | float) -> float:
    """Return a share that is more than nothing.

    Raises:
        ValueError: it is no share, or 0.

    """
    share = parse_share(value)
    if share == 0:
        raise ValueError(f"is nothing, which {_NO_PART}")
    return share


def parse_notify_url(value: str | float) -> Secret:
    """Return an address that Apprise may know: ``mailto://…``, ``slack://…``, ``json://…``.

    Raises:
        ValueError: it does not have the form of an address.

    """
    # Only the form is checked: Apprise knows the services, and importing it here would slow every command.
    sentence = "is no address of Apprise: write SERVICE://…, such as mailto://USER:PASSWORD@HOST?to=ADDRESS"
    return Secret(_matched(value, r"[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+", sentence))


def parse_web_url(value: str | float) -> Secret:
    """Return a web address, which may hold a secret.

    Raises:
        ValueError: it is no http or https address.

    """
    return Secret(_matched(value, r"https?://[^\s/?#]+\S*", "is no web address: write https://HOST/PATH"))


def parse_phone(value: str | float) -> Secret:
    """Return the digits of a number that text messages are sent from or to, with a + if it has one.

    Raises:
        ValueError: it is no phone number.

    """
    number = re.sub(r"[\s().-]", "", str(value))
    return Secret(_matched(number, r"\+?[0-9]{10,15}", "is no phone number: write 10 to 15 digits, in quotes"))


def parse_time_of_day(value: str | float) -> str:
    """Return a time of the day, ``HH:MM``.

    Raises:
        ValueError: it is no time of the day.

    """
    return _matched(value, r"([01][0-9]|2[0-3]):[0-5][0-9]", 'is no time of the day: write "07:30", in quotes')


def parse_listen(value: str | float) -> str:
    """Return ``127.0.0.1:9187``, ``[::1]:9187`` or the path of a Unix socket.

    Raises:
        ValueError: it is neither, or other machines could connect to it.

    """
    text = parse_place(value, socket="/run/syncd/metrics.sock")
    # The metrics have no sign-in, so other machines must not reach them.
    if is_open(text):
        raise ValueError(
            "is open to other machines, and asks nobody for a password: write 127.0.0.1:PORT or [::1]:PORT"
        )
    return text


def parse_place(value: str | float, socket: str) -> str:
    """Return ``HOST:PORT`` or the path of a Unix socket; ``socket``: an example of one.

    Raises:
        ValueError: it is neither.

    """
    text = str(value).strip()
    if "/" in text:
        return text
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"is no place to listen: write 127.0.0.1:PORT, or the path of a socket: {socket}")
    return text


def is_open(place: str) -> bool:
    """Return whether other machines can connect to a place that :func:`parse_place` returned."""
    return "/" not in place and not is_this_machine(place.rpartition(":")[0].strip("[]"))


def _window(text: str) -> Window:
    requests, _, time = str(text).partition("/")
    seconds = durations.seconds_in(time)
    is_count = re.fullmatch(r"\s*[1-9]\d{0,8}\s*", requests, re.ASCII)
    if not is_count or seconds is None or not 0 < seconds <= durations.LONGEST:
        raise ValueError(f"is not a limit: {_LIMIT_FORM}")
    return Window(int(requests), seconds)


def parse_share(value: str | float) -> float:
    """Return the part of a whole, 0 to 1, in ``20%`` or ``0.2``.

    Raises:
        ValueError: it does not have this form, or is not between 0 and 1.

    """
    text = str(value).strip()
    number = text.removesuffix("%")
    # float() would also take "nan", "1e3" and "1_0".
    if isinstance(value, bool) or not durations.NUMBER.fullmatch(number.strip()):
        raise ValueError(f"is not a share: {_SHARE_FORM}")
    share = float(number) / (100 if number != text else 1)
    if share > 1:
        raise ValueError(f"is more than the whole: {_SHARE_FORM}")
    return share


def parse_region(value: str | float) -> str:
    """Return the ISO 3166 code, in upper case, of a region whose phone numbers are known.

    Raises:
        ValueError: no region has that code.

    """
    from phonenumbers import SUPPORTED_REGIONS

    code = str(value).strip().upper()
    if code in SUPPORTED_REGIONS:
        return code
    # People write UK, whose ISO code is GB: by its letters no code is near.
    hint = " (did you mean 'GB'?)" if code == "UK" else nearest(code, sorted(SUPPORTED_REGIONS))
    raise ValueError(f"is not a region: write a two-letter country code such as US or DE{hint}")


def parse_base_url(value: str | float) -> str:
    """Return an address that the API key may be sent to: https, or http to this machine; without the last slash.

    Raises:
        ValueError: it has another scheme, no host, or a user, a query or a fragment.

    """
    # The sandbox and a proxy on this machine speak plain http.
    clear = "would send the API key in clear: write https:// (http:// is for this machine only)"
    return parse_address(value, clear=clear).rstrip("/")


def parse_address(value: str | float, *, clear: str) -> str:
    """Return an address: https, or http to this machine. ``clear``: the sentence about http to another machine.

    Raises:
        ValueError: it has another scheme, no host, or a user, a query or a fragment.

    """
    from urllib.parse import urlsplit

    text = str(value).strip()
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port  # url.port raises for a port that is no number
    except ValueError:
        raise ValueError(_URL_FORM) from None
    if url.scheme not in {"http", "https"} or not host or re.search(r"[\s\\]", text):
        raise ValueError(_URL_FORM)
    if url.username is not None or url.query or url.fragment:
        raise ValueError("holds more than an address: write https://HOST/PATH, without user, query or fragment")
    if url.scheme == "http" and not is_this_machine(host):
        raise ValueError(clear)
    return text


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine by its name or address alone."""
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def parse_api_key(value: str | float) -> Secret:
    """Return a key that an HTTP header can carry.

    Raises:
        ValueError: it is empty, or has a space or a character beyond ASCII.

    """
    key = str(value)
    if not key:
        raise ValueError("is empty: write the API key, or ${NAME}, ${file:PATH} or ${credential:NAME}")
    # Not stripped: a space in a key is a mistake in the file, and the server would answer no more than 401.
    if not re.fullmatch(r"[!-~]+", key):
        raise ValueError("is no API key: it holds a space, a line break or a character beyond ASCII")
    return Secret(key)
