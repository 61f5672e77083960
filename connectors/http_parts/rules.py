"""Ordered rules for the meaning of an answer, tried before its status, and the server's own words for messages.

A code connector composes them: ``Client(judge=Rules((Rule("full", status=(410,)),), name="the CRM").judge)``. An
accepted answer carries the rule's action as its ``verdict``: ``empty`` (there are no records), ``full`` (a full read
is needed), ``skip`` (there is nothing of this one record).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.http_parts.paths import find, truthy
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.rest import Answer, Verdict, is_gateways, is_refusal, retry_after
from syncd.source import quoted

Action = Literal["retry", "wait", "renew", "full", "empty", "skip", "denied", "fail", "later"]
"""``retry``: it failed, try again · ``wait``: it came too early, like a 429 · ``renew``: get a new token and try once
more · ``full``, ``empty``, ``skip``: see above · ``denied``: the key is refused · ``fail``: a person must look ·
``later``: the source cannot be read now."""

LONGEST = 300
"""The most characters of a server's own words that are shown."""

_MESSAGES = (
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
    "data[0].message",
    "error_info",
    "detail",
    "title",
    "error",
)
"""Where servers put the message of an error."""

_CODES = (
    *("code", "error.code", "error.status", "error", "errors[0].code", "[0].errorCode", "data[0].code"),
    *("category", "errorType"),
)
"""Where servers put the code of an error."""

# E-mail addresses; digits like a phone number, but not a date; words of 24 characters with a digit, like a key.
_PRIVATE = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.]+|(?<!\w)(?!\d{4}-\d\d-\d\d)\+?\d[\d\s().-]{5,}\d|(?=[\w\-+/=.]*\d)[\w\-+/=.]{24,}"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """If the status is one of ``status`` (none: any) and ``when`` (a JMESPath of the body) is true: ``do``.

    ``wait`` and ``retry`` wait ``seconds``, or as long as the header ``after`` says (in ``unit`` seconds), or back off.
    ``message`` replaces the server's own words.
    """

    do: Action
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
    """The rules of a source; the first that fits counts.

    ``name``: the source's name in messages. ``key``: what a person does about a refused key. ``secrets`` are never
    shown. ``names``: names of fields and the like, which the server's words may have.
    """

    rules: Sequence[Rule]
    name: str = "the source"
    key: str = "check its key"
    secrets: Sequence[str] = field(default=(), repr=False)
    names: Collection[str] = ()

    def judge(self, answer: Answer) -> Verdict | None:
        """Return what the client does with the answer; None leaves it to the status."""
        rule = next((rule for rule in self.rules if rule.fits(answer)), None)
        if rule:
            return self._verdict(rule, answer)
        # The client knows what to do about a page of a gateway, which says nothing of the key.
        if is_gateways(answer):
            return None
        if answer.status in {401, 403}:
            return self._denied(answer, "")
        return self._fail(answer, "") if is_refusal(answer.status) else None

    def _verdict(self, rule: Rule, answer: Answer) -> Verdict:
        if rule.do in {"full", "empty", "skip"}:
            return Verdict("accept", rule.do)
        if rule.do == "wait":
            return Verdict("wait", seconds=_seconds(rule, answer))
        if rule.do == "retry":
            why = f"answered with status {answer.status}{self.words(answer)}"
            return Verdict("retry", why, _seconds(rule, answer))
        if rule.do in {"renew", "denied"}:
            return self._denied(answer, rule.message)
        if rule.do == "later":
            text = self._sentence(answer, rule.message)
            return Verdict("fail", error=SourceUnavailable(f"{text}: try again later"))
        return self._fail(answer, rule.message)

    def _denied(self, answer: Answer, message: str) -> Verdict:
        error = SourceDenied(f"{self._sentence(answer, message)}: {self.key}")
        # A 403 knows who asks and refuses all the same, so new credentials of the same user would not help.
        return Verdict("fail" if answer.status == 403 else "renew", error=error)

    def _fail(self, answer: Answer, message: str) -> Verdict:
        return Verdict("fail", error=SourceInvalid(self._sentence(answer, message)))

    def _sentence(self, answer: Answer, message: str) -> str:
        words = f": {message}" if message else self.words(answer)
        return f"{self.name} answered with status {answer.status}{words}"

    def words(self, answer: Answer) -> str:
        """Return :func:`server_words` without the secrets."""
        text = server_words(answer, self.names)
        # The longest first: a secret may be part of another one.
        for secret in sorted(filter(None, self.secrets), key=len, reverse=True):
            text = text.replace(secret, "…")
        return text


def _seconds(rule: Rule, answer: Answer) -> float:
    if rule.seconds:
        return rule.seconds
    if rule.after.lower() == "retry-after":
        return retry_after(answer.headers)
    text = answer.headers.get(rule.after.lower(), "").strip()
    return float(text) * rule.unit if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text) else 0.0


def server_words(answer: Answer, names: Collection[str] = ()) -> str:
    """Return an error's code and message, ``, INVALID_FIELD: "No such column 'Foo'"``, or an empty text.

    Both are masked (:func:`syncd.source.quoted`); ``names`` are shown.
    """
    code = next(_texts(answer.body, _CODES), "")
    # "error" is in both lists, as some servers have a code there and others a sentence.
    message = next((text for text in _texts(answer.body, _MESSAGES) if text != code), "")
    code = f", {code}" if (code := _code(code, names)) else ""
    message = quoted(message, names)
    return f'{code}: "{message}"' if message else code


def _code(text: str, names: Collection[str]) -> str:
    """Return an error's code: a number, or a name made of words of errors (``invalid_grant``, ``InvalidToken``)."""
    is_name = len(text) <= 60 and re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(?:[._:-][A-Za-z0-9]+)*", text)
    if (text.isdecimal() and len(text) <= 6) or (is_name and any(map(quoted, _humps(text)))):
        return text
    return quoted(text[:LONGEST], names)


def _humps(name: str) -> list[str]:
    return [each.lower() for each in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def clean(text: str) -> str:
    """Return a server's text on one line, at most :data:`LONGEST` characters, without private parts."""
    # Spaces for control characters: they could move the cursor of the terminal that shows the message.
    line = _PRIVATE.sub("…", " ".join("".join(c if c.isprintable() else " " for c in text).split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _texts(body: Any, paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        value = find(path, body)
        # A bool is an int in Python, but "true" is no code.
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            yield value
