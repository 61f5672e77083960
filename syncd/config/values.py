"""The small values of a configuration: durations, windows, shares, schedules, addresses, secrets.

Each reader takes what stands in the file (or a value already read) and raises :class:`ValueError` with a sentence that
says what is right. The message never repeats the value, which may have come out of a variable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, final

from syncd.budget import Window
from syncd.core.settings import durations
from syncd.core.settings.durations import parse_duration
from syncd.core.wording import nearest
from syncd.errors import ConfigError

_LIMIT_FORM = "write requests per time, such as 60/1m, 1000/1h"
_SHARE_FORM = "write a percentage such as 20%, or a number from 0 to 1"


@final
class Secret:
    """Text that is never shown: not by ``repr``, ``str``, ``format`` or a dump of the model that holds it.

    ``missing``: why there is none, of a secret that the command may do without.
    """

    __slots__ = ("_text", "missing")

    def __init__(self, text: str, *, missing: str = "") -> None:
        self._text = text
        self.missing = missing

    def reveal(self) -> str:
        """Return the text. Whoever asks for it answers for where it goes.

        Raises:
            ConfigError: it is missing.
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

    def __reduce__(self) -> str:
        raise TypeError("a secret is not serialised")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


def parse_timeout(value: str | float) -> float:
    """A duration that is more than nothing.

    Raises:
        ValueError: it is no duration, or 0.

    """
    seconds = parse_duration(value)
    if seconds == 0:
        raise ValueError(f"is no time at all: {durations.FORM}")
    return seconds


def parse_limits(value: str | Iterable[str | Window]) -> tuple[Window, ...]:
    """The windows in ``60/1m, 1000/1h``, or in a list of such texts; an empty list is no limit at all.

    Raises:
        ValueError: one is not of that form.

    """
    items = value.split(",") if isinstance(value, str) else value
    return tuple(item if isinstance(item, Window) else _window(item) for item in items)


def with_share(windows: Iterable[Window], share: float) -> tuple[Window, ...]:
    """The windows with that part of their requests, at least one: the rest is for others who use the same key."""
    return tuple(Window(max(1, math.floor(window.requests * share + 1e-9)), window.seconds) for window in windows)


def parse_notify_url(value: str) -> Secret:
    """An address that Apprise may know: ``mailto://…``, ``slack://…``, ``json://…``.

    Raises:
        ValueError: it is no address at all.

    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+", value.strip()):
        raise ValueError("is no address of Apprise: write SERVICE://…, such as mailto://USER:PASSWORD@HOST?to=ADDRESS")
    return Secret(value.strip())


def parse_web_url(value: str) -> Secret:
    """An address to call, which may hold a secret.

    Raises:
        ValueError: it is no http or https address.

    """
    if not re.fullmatch(r"https?://[^\s/?#]+\S*", value.strip()):
        raise ValueError("is no web address: write https://HOST/PATH")
    return Secret(value.strip())


def parse_phone(value: str) -> Secret:
    """A number to send text messages from or to: its digits, with a + if it has one.

    Raises:
        ValueError: it is no phone number.

    """
    number = re.sub(r"[\s().-]", "", str(value))
    if not re.fullmatch(r"\+?[0-9]{10,15}", number):
        raise ValueError("is no phone number: write 10 to 15 digits, in quotes")
    return Secret(number)


def parse_time_of_day(value: str) -> str:
    """``HH:MM``.

    Raises:
        ValueError: it is no time of the day.

    """
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", str(value).strip()):
        raise ValueError('is no time of the day: write "07:30", in quotes')
    return str(value).strip()


def parse_listen(value: str) -> str:
    """``127.0.0.1:9187``, ``[::1]:9187`` or the path of a Unix socket.

    Raises:
        ValueError: it is neither, or open to other machines.

    """
    text = value.strip()
    if "/" in text:
        return text
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(
            "is no place to listen: write 127.0.0.1:PORT, or the path of a socket: /run/syncd/metrics.sock"
        )
    if not _is_this_machine(host.strip("[]")):
        raise ValueError(
            "is open to other machines, and asks nobody for a password: write 127.0.0.1:PORT or [::1]:PORT"
        )
    return text


def _window(text: str) -> Window:
    requests, slash, per = str(text).partition("/")
    if not slash or not re.fullmatch(r"\s*[1-9]\d{0,8}\s*", requests, re.ASCII):
        raise ValueError(f"is not a limit: {_LIMIT_FORM}")
    seconds = durations.seconds_in(per)
    if seconds is None or not 0 < seconds <= durations.LONGEST:
        raise ValueError(f"is not a limit: {_LIMIT_FORM}")
    return Window(int(requests), seconds)


def parse_share(value: str | float) -> float:
    """The part of a whole, 0..1, in ``20%`` or ``0.2``.

    Raises:
        ValueError: it is not of that form or not between 0 and 1.

    """
    number = str(value).strip()
    percent = number.endswith("%")
    if isinstance(value, bool) or not durations.NUMBER.fullmatch(number.removesuffix("%").strip()):
        raise ValueError(f"is not a share: {_SHARE_FORM}")
    share = float(number.removesuffix("%")) / (100 if percent else 1)
    if share > 1:
        raise ValueError(f"is more than the whole: {_SHARE_FORM}")
    return share


def parse_region(value: str) -> str:
    """An ISO 3166 code of a region whose phone numbers are known, in upper case.

    Raises:
        ValueError: none has that code.

    """
    from phonenumbers import SUPPORTED_REGIONS

    code = value.strip().upper()
    if code in SUPPORTED_REGIONS:
        return code
    hint = " (did you mean 'GB'?)" if code == "UK" else nearest(code, sorted(SUPPORTED_REGIONS))
    raise ValueError(f"is not a region: write a two-letter country code such as US or DE{hint}")


def parse_base_url(value: str) -> str:
    """An address that a key may travel to: https, or http to this machine; without the last slash.

    Raises:
        ValueError: it is another scheme, has no host, or carries a user, a query or a fragment.

    """
    from urllib.parse import urlsplit

    try:
        url = urlsplit(value.strip())
        host, _ = url.hostname or "", url.port
    except ValueError:
        raise ValueError("is not an address: write https://HOST/PATH") from None
    if url.scheme not in {"http", "https"} or not host or re.search(r"[\s\\]", value.strip()):
        raise ValueError("is not an address: write https://HOST/PATH")
    if url.username is not None or url.query or url.fragment:
        raise ValueError("holds more than an address: write https://HOST/PATH, without user, query or fragment")
    if url.scheme == "http" and not _is_this_machine(host):
        raise ValueError("would send the API key in clear: write https:// (http:// is for this machine only)")
    return value.strip().rstrip("/")


def _is_this_machine(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def parse_api_key(value: str) -> Secret:
    """A key that an HTTP header can carry.

    Raises:
        ValueError: it is empty, or has a space or a character beyond ASCII.

    """
    if not value:
        raise ValueError("is empty: write the API key, or ${NAME}, ${file:PATH} or ${credential:NAME}")
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("is no API key: it holds a space, a line break or a character beyond ASCII")
    return Secret(value)
