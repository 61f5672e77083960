"""Ordered rules for what an answer means, before its status is looked at; and what a server says is wrong.

A code connector composes them: ``Client(judge=Rules((Rule("full", status=(410,)),), name="the CRM").judge)``. An
accepted answer carries the rule's deed as its ``verdict``: ``empty`` (nothing there), ``full`` (this needs a full
read), ``skip`` (nothing of this one record).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.http_parts.paths import find, truthy
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.rest import Answer, Verdict, retry_after

Deed = Literal["retry", "wait", "renew", "full", "empty", "skip", "denied", "fail", "later"]
"""``retry``: it failed, try again · ``wait``: too early, as a 429 · ``renew``: get a new token and try once more ·
``full``, ``empty``, ``skip``: see above · ``denied``: the key is refused · ``fail``: a person must look · ``later``:
the source cannot be read now."""

LONGEST = 300
"""Characters of a server's own words that are shown."""

_PLACES = (
    "error_description",
    "message",
    "Message",
    "UserMessage",
    "error.data.message",
    "error.message",
    "error.status.message",
    "errors[0].message",
    "errors[0].detail",
    "errors[0].error.message",
    "[0].message",
    "error_info",
    "detail",
    "title",
    "error",
)
_NAMES = ("code", "error.code", "error.status", "error", "errors[0].code", "[0].errorCode", "category", "errorType")
_PRIVATE = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.]+|(?<!\w)(?!\d{4}-\d\d-\d\d)\+?\d[\d\s().-]{5,}\d|(?=[\w\-+/=.]*\d)[\w\-+/=.]{24,}"
)
"""What may be an address, a number of a person, or a key."""


@dataclass(frozen=True, slots=True)
class Rule:
    """If the status is one of ``status`` (none: any) and ``when`` (a JMESPath of the body) is true: ``do``.

    ``wait`` and ``retry`` wait ``seconds``, or as long as the header ``after`` says (in ``unit`` seconds), or back off.
    ``message`` is said in place of the server's own words.
    """

    do: Deed
    status: Sequence[int] = ()
    when: str | None = None
    seconds: float = 0.0
    after: str = "retry-after"
    unit: float = 1.0
    message: str = ""

    def fits(self, answer: Answer) -> bool:
        if self.status and answer.status not in self.status:
            return False
        return self.when is None or truthy(find(self.when, answer.body))


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a source, the first that fits counts.

    ``name`` is the source's in messages, ``key`` what a person does about a refused key; ``secrets`` are never shown.
    """

    rules: Sequence[Rule]
    name: str = "the source"
    key: str = "check its key"
    secrets: Sequence[str] = field(default=(), repr=False)

    def judge(self, answer: Answer) -> Verdict | None:
        """What the client shall do with the answer; None leaves it to the status."""
        rule = next((rule for rule in self.rules if rule.fits(answer)), None)
        if rule:
            return self._verdict(rule, answer)
        if answer.status in {401, 403}:
            return self._denied(answer, "")
        if 400 <= answer.status < 500 and answer.status not in {408, 425, 429}:
            return self._fail(answer, "")
        return None

    def _verdict(self, rule: Rule, answer: Answer) -> Verdict:
        if rule.do in {"full", "empty", "skip"}:
            return Verdict("accept", rule.do)
        if rule.do == "wait":
            return Verdict("wait", seconds=_seconds(rule, answer))
        if rule.do == "retry":
            why = f"answered with status {answer.status}{self._hidden(said(answer))}"
            return Verdict("retry", why, _seconds(rule, answer))
        if rule.do in {"renew", "denied"}:
            return self._denied(answer, rule.message)
        if rule.do == "later":
            text = self._sentence(answer, rule.message)
            return Verdict("fail", error=SourceUnavailable(f"{text}: try again later"))
        return self._fail(answer, rule.message)

    def _denied(self, answer: Answer, message: str) -> Verdict:
        """A refused key: new credentials are tried first where there are any, but a 403 says that these are known."""
        error = SourceDenied(f"{self._sentence(answer, message)}: {self.key}")
        return Verdict("fail" if answer.status == 403 else "renew", error=error)

    def _fail(self, answer: Answer, message: str) -> Verdict:
        return Verdict("fail", error=SourceInvalid(self._sentence(answer, message)))

    def _sentence(self, answer: Answer, message: str) -> str:
        told = f": {message}" if message else self._hidden(said(answer))
        return f"{self.name} answered with status {answer.status}{told}"

    def _hidden(self, text: str) -> str:
        for secret in sorted(filter(None, self.secrets), key=len, reverse=True):
            text = text.replace(secret, "…")
        return text


def _seconds(rule: Rule, answer: Answer) -> float:
    if rule.seconds:
        return rule.seconds
    if rule.after.lower() == "retry-after":
        return retry_after(answer.headers)
    told = answer.headers.get(rule.after.lower(), "").strip()
    return float(told) * rule.unit if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", told) else 0.0


def said(answer: Answer) -> str:
    """What the server says is wrong: ``, INVALID_FIELD: "No such column 'Foo'"``, in its own words, or nothing.

    Addresses, numbers and long words, which may be a person's or a key, are left out of it.
    """
    name = next(_texts(answer.body, _NAMES), "")
    words = next((text for text in _texts(answer.body, _PLACES) if text != name), "")
    name = f", {clean(name)}" if name and len(name) <= 60 else ""
    return f'{name}: "{clean(words)}"' if words else name


def clean(text: str) -> str:
    """A server's text on one line, bounded, without what may be private."""
    line = _PRIVATE.sub("…", " ".join("".join(c if c.isprintable() else " " for c in text).split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _texts(body: Any, places: Sequence[str]) -> Iterator[str]:
    for place in places:
        found = find(place, body)
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if isinstance(found, str) and found.strip():
            yield found
