"""``GET /messages`` and ``POST /messages``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from syncd.sandbox.activity.clock import stamp
from syncd.sandbox.activity.directory import OWN_NUMBERS
from syncd.sandbox.activity.model import Message
from syncd.sandbox.activity.paging import Pages, choice
from syncd.sandbox.activity.phones import Phones
from syncd.sandbox.activity.ranges import Calendar
from syncd.sandbox.activity.rows import Said, seconds_or_ever
from syncd.sandbox.phones import NOT_DIGITS
from syncd.sandbox.replies import Refused, Reply

LONGEST = 1_600
"""The most characters of a message."""


class Messages:
    """Answers the list of messages, and sends messages."""

    def __init__(self, phones: Phones, dialects: Mapping[str, str]) -> None:
        self.phones = phones
        self.dialects = dialects
        self._pages = Pages(dialects, "messages")

    def reply(self, query: Mapping[str, str]) -> Reply:
        """Return the page that ``query`` asks for.

        Raises:
            Refused: a parameter is not understood, or a dialect refuses it.

        """
        with self.phones.lock:
            now = self.phones.now()
            begin, end, first, last = Calendar(self.dialects, self.phones.zone).moments(query, now)
            invalid = int(self.dialects["invalid_status"])
            asked = {
                "direction": choice(query, "direction", ("incoming", "outgoing"), invalid),
                "channel": choice(query, "channel", ("text", "whatsapp"), invalid),
                "status": choice(query, "status", ("delivered", "failed", "read"), invalid),
            }
            key = (begin, end, *asked.values(), self.dialects["listed_for"])
            found = self.phones.messages.select(
                key, (begin, end), now, lambda message: self._chosen(message, now, asked)
            )
            said = Said.by(self.dialects, self.phones.media)
            dates = {"start_date": first, "end_date": last}
            return self._pages.reply(query, {**dates, **asked}, found, lambda each: said.row(each, now))

    def _chosen(self, message: Message, now: float, asked: Mapping[str, str]) -> tuple[Sequence[Message], float]:
        end = min(message.gone, message.start + seconds_or_ever(self.dialects["listed_for"]))
        if now < message.start:
            return (), message.start
        if now >= end:
            return (), inf
        values = {"direction": message.direction, "channel": message.channel, "status": message.status(now)[0]}
        fits = all(asked[name] in ("any", value) for name, value in values.items())
        return ([message] if fits else ()), min((at for at in (end, *message.moments()) if at > now), default=inf)

    def send(self, body: Any) -> Reply:
        """Send a message; with ``"test": true`` only say what would be wrong.

        Raises:
            Refused: the message is not valid.

        """
        if not isinstance(body, Mapping):
            raise Refused(int(self.dialects["invalid_status"]), "The body must be an object.")
        problems = _problems(body)
        if body.get("test") is True:
            return Reply(200, {"test": True, "valid": not problems, "errors": problems})
        if problems:
            raise Refused(422, " ".join(problems), rows=1)
        channel, sender, receiver = str(body.get("platform", "text")), _digits(body["from"]), _digits(body["to"])
        later = [("delivered", 3.0), *([("read", 60.0)] if channel == "whatsapp" else [])]
        self.phones.message(
            channel=channel,
            direction="outgoing",
            remote_number=receiver,
            group_number=sender,
            body=str(body["message"]),
            statuses=later,
        )
        # The answer has no id of the message.
        said = {
            "mode": "group" if body.get("members") else "single",
            "platform": channel,
            "from": sender,
            "to": receiver,
            "room_uuid": None,
            "message_sent": True,
            "created_at": stamp(self.phones.now()),
        }
        return Reply(201, {"status": "success", "message": said}, rows=1)


def _problems(body: Mapping[str, Any]) -> list[str]:
    text, sender, receiver = body.get("message"), body.get("from"), body.get("to")
    checks = (
        (body.get("platform", "text") in ("text", "whatsapp"), "platform must be text or whatsapp."),
        (isinstance(sender, str) and _digits(sender) in OWN_NUMBERS, "from must be a number of the company."),
        (isinstance(receiver, str) and len(_digits(receiver)) == 10, "to must be a phone number."),
        (isinstance(text, str) and 0 < len(text) <= LONGEST, f"message must have 1 to {LONGEST} characters."),
    )
    return [problem for is_right, problem in checks if not is_right]


def _digits(number: str) -> str:
    digits = NOT_DIGITS.sub("", number)
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits
