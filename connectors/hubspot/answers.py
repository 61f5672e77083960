"""What HubSpot's refusals mean: which are waited out, which are for a person, and in which words.

Every member of an error is optional, as the vendor changes them from time to time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.http_parts.paths import find
from connectors.http_parts.rules import Rule, Rules, clean, said
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable
from syncd.rest import Answer, Verdict, retry_after

TOO_LONG = "too long"
"""The verdict on an answer to a URL that was too long."""

CONTEXT_IDS = "errors[?category=='OBJECT_NOT_FOUND'].context.ids[]"
"""Where an answer to a batch read names the ids that are not there."""

FAILED_LINKS = "errors[?category!='OBJECT_NOT_FOUND' && !contains(to_string(subCategory), 'NO_ASSOCIATIONS')]"
"""The errors in an answer about links that say more than that a record has none."""

LONGEST = 60.0
"""Seconds that a 429 is waited for at most; its Retry-After is not documented."""

LOCKED = 2.0
"""Seconds that a lock (423) lasts at least."""

INTERVAL = "x-hubspot-ratelimit-interval-milliseconds"

_SCOPES = ("errors[].context.requiredGranularScopes[]", "errors[].context.requiredScopes[]", "context.missingScopes")
_NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RULES = (
    Rule("denied", (530,), message="the key is malformed, cut off or with a character too many"),
    Rule("fail", (404,), message="there is no such path: check api_version and base_url"),
)


class ScopeMissing(SourceDenied):
    """The key may not see something.

    ``needs``: for each thing, the scopes of which it needs one; ``told``: what the server says of it.
    """

    def __init__(self, needs: Sequence[Sequence[str]], told: str) -> None:
        each = [f"{'' if len(scopes) == 1 else 'one of '}{', '.join(scopes)}" for scopes in needs]
        kind, what = ("scope", "it") if len(each) == 1 else ("scopes", "them")
        super().__init__(f"the key lacks the {kind} {' and '.join(each)} ({told}): add {what} to the key in HubSpot")
        self.needs = tuple(map(tuple, needs))
        self.told = told


class Judging:
    """A judge for the client of :mod:`syncd.rest`.

    ``heed`` is told the headers of every answer; ``key`` says what a person does about a refused key; ``secrets`` are
    never shown.
    """

    def __init__(self, heed: Callable[[Mapping[str, str]], object], *, key: str, secrets: Sequence[str] = ()) -> None:
        self._heed = heed
        self._secrets = secrets
        self.key = key
        self._rules = Rules(_RULES, name="HubSpot", key=key, secrets=secrets)

    def __call__(self, answer: Answer) -> Verdict | None:
        self._heed(answer.headers)
        own = _OWN.get(answer.status)
        return own(answer, self) if own else self._rules.judge(answer)

    def told(self, answer: Answer) -> str:
        """The server's own words, and the id by which its support finds the request."""
        words, number = said(answer), str(find("correlationId", answer.body))
        for secret in filter(None, self._secrets):
            words = words.replace(secret, "…")
        return words + (f", correlationId {number}" if _NUMBER.fullmatch(number) else "")


def _denied(answer: Answer, judging: Judging) -> Verdict:
    """The key is good, but may not see this: a scope is missing, or the account's plan does not hold it."""
    scopes = list(dict.fromkeys(clean(scope) for path in _SCOPES for scope in _texts(find(path, answer.body))))
    if not scopes:
        words = f"HubSpot does not let the key read this (status 403{judging.told(answer)}): {judging.key}"
        return Verdict("fail", error=SourceDenied(words))
    return Verdict("fail", error=ScopeMissing([scopes], f"HubSpot's status 403{judging.told(answer)}"))


def _limited(answer: Answer, _judging: Judging) -> Verdict:
    """Wait as the policy says; a day's limit is for another run."""
    policy = str(find("policyName", answer.body) or "")
    message = str(find("message", answer.body) or "").lower()
    if policy == "DAILY" or (not policy and "daily" in message):
        return Verdict(
            "fail",
            error=SourceUnavailable(
                "HubSpot's requests of this day are used up, by whichever programs: try again later; "
                "they are counted anew at midnight in the account's time zone"
            ),
        )
    if policy == "SECONDLY" or (not policy and " secondly" in message):
        return Verdict("wait", seconds=1.0)
    interval = answer.headers.get(INTERVAL, "")
    seconds = retry_after(answer.headers) or (int(interval) / 1000 if interval.isdecimal() else 10.0)
    return Verdict("wait", seconds=min(seconds, LONGEST))


def _moving(answer: Answer, _judging: Judging) -> Verdict:
    minutes = round(retry_after(answer.headers) / 60)
    when = f"in {minutes} minutes" if minutes else "later"
    words = f"HubSpot moves the account to another data centre (status 477): try again {when}"
    return Verdict("fail", error=SourceUnavailable(words))


def _refused(answer: Answer, judging: Judging) -> Verdict:
    return Verdict("fail", error=SourceInvalid(f"HubSpot refused the request (status 400{judging.told(answer)})"))


def _texts(found: Any) -> list[str]:
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


_OWN: Mapping[int, Callable[[Answer, Judging], Verdict]] = {
    400: _refused,
    403: _denied,
    414: lambda _answer, _judging: Verdict("accept", TOO_LONG),
    423: lambda _answer, _judging: Verdict("retry", "has locked what was asked for (status 423)", LOCKED),
    429: _limited,
    477: _moving,
}
"""What is made of the statuses that mean more at HubSpot than elsewhere."""
