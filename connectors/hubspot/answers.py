"""What HubSpot's refusals mean: which of them are waited for, which need a person, and in which words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.http_parts.paths import find
from connectors.http_parts.rules import Rule, Rules
from syncd.errors import SourceDenied, SourceInvalid, SourceUnavailable, SyncdError
from syncd.rest import Answer, Verdict, is_gateways, retry_after

# Every member of an error may be absent, as HubSpot changes them from time to time: so paths, and no model.
TOO_LONG = "too long"
"""The verdict on an answer to a URL that was too long."""

REFUSED = "refused"
"""The verdict on an answer that refuses a write for what it holds."""

REFUSALS = frozenset({400, 404, 409})
"""The statuses that refuse a write for what it holds: a value, a record that is gone, a value that is taken."""

CONTEXT_IDS = "errors[?category=='OBJECT_NOT_FOUND'].context.ids[]"
"""The ids in the answer to a batch read that HubSpot does not have."""

FAILED_LINKS = "errors[?category!='OBJECT_NOT_FOUND' && !contains(to_string(subCategory), 'NO_ASSOCIATIONS')]"
"""The errors in an answer about links, except those that say that a record has no link."""

_NO_LINKS = "errors[?contains(to_string(subCategory), 'NO_ASSOCIATIONS') || category=='OBJECT_NOT_FOUND']"

WITHOUT_LINKS = f"{_NO_LINKS}.context.[fromObjectId, ids][][]"
"""The ids of the records that, by the answer about links, have no link."""

UNNAMED_WITHOUT_LINKS = f"{_NO_LINKS} | [?!(context.fromObjectId) && !(context.ids)]"
"""The errors about records without a link that do not name the record."""

LONGEST_WAIT = 60.0
"""The most seconds to wait because of a 429; its Retry-After is not documented."""

LOCK_WAIT = 2.0
"""The least seconds to wait because of a lock (423)."""

INTERVAL = "x-hubspot-ratelimit-interval-milliseconds"

_SCOPES = ("errors[].context.requiredGranularScopes[]", "errors[].context.requiredScopes[]", "context.missingScopes")
_SCOPE = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RULES = (
    Rule("denied", (530,), message="the key is malformed, cut off or with a character too many"),
    Rule("fail", (404,), message="there is no such path: check api_version and base_url"),
)


class ScopeMissing(SourceDenied):
    """The key lacks scopes.

    ``needs``: for each thing to read, the scopes of which the key needs one. ``words``: the server's refusal.
    """

    def __init__(self, needs: Sequence[Sequence[str]], words: str) -> None:
        each = [f"{'' if len(scopes) == 1 else 'one of '}{', '.join(scopes)}" for scopes in needs]
        noun, them = ("scope", "it") if len(each) == 1 else ("scopes", "them")
        super().__init__(f"the key lacks the {noun} {' and '.join(each)} ({words}): add {them} to the key in HubSpot")
        self.needs = tuple(map(tuple, needs))
        self.words = words


class HubSpotJudge:
    """The judge of the client (see :data:`syncd.rest.Judge`).

    ``on_headers`` is called with the headers of every answer. ``key``: what a person does about a refused key.
    ``secrets`` are never shown, ``names`` (of properties) are. ``writes``: a refusal gets the verdict :data:`REFUSED`,
    since the caller of a write knows what it means.
    """

    def __init__(
        self,
        on_headers: Callable[[Mapping[str, str]], object],
        *,
        key: str,
        secrets: Sequence[str],
        names: Sequence[str] = (),
        writes: bool = False,
    ) -> None:
        self._on_headers = on_headers
        self._writes = writes
        self.key = key
        self._rules = Rules(_RULES, name="HubSpot", key=key, secrets=secrets, names=names)

    def __call__(self, answer: Answer) -> Verdict | None:
        self._on_headers(answer.headers)
        if is_gateways(answer):
            return None
        if self._writes and answer.status in REFUSALS:
            return Verdict("accept", REFUSED)
        return self._judged(answer)

    def refusal(self, answer: Answer) -> SyncdError:
        """Return the error of an answer with the verdict :data:`REFUSED`, for a caller who did not expect it."""
        verdict = self._judged(answer)
        if verdict and verdict.error:
            return verdict.error
        return SourceInvalid(f"HubSpot refused the request (status {answer.status}{self.words(answer)})")

    def _judged(self, answer: Answer) -> Verdict | None:
        by_status = _BY_STATUS.get(answer.status)
        return by_status(answer, self) if by_status else self._rules.judge(answer)

    def words(self, answer: Answer) -> str:
        """Return the server's own words, and the id by which HubSpot's support finds the request."""
        id_ = str(find("correlationId", answer.body))
        return self._rules.words(answer) + (f", correlationId {id_}" if _UUID.fullmatch(id_) else "")


def _denied(answer: Answer, judge: HubSpotJudge) -> Verdict:
    # A 403 comes for a missing scope, and also if the account's plan does not hold the data: then it names no scope.
    scopes = list(
        dict.fromkeys(scope for path in _SCOPES for scope in _texts(find(path, answer.body)) if _SCOPE.fullmatch(scope))
    )
    words = judge.words(answer)
    if not scopes:
        text = f"HubSpot does not let the key do this (status 403{words}): {judge.key}"
        return Verdict("fail", error=SourceDenied(text))
    return Verdict("fail", error=ScopeMissing([scopes], f"HubSpot's status 403{words}"))


def _limited(answer: Answer, _judge: HubSpotJudge) -> Verdict:
    policy = str(find("policyName", answer.body) or "")
    message = str(find("message", answer.body) or "").lower()
    # The limit of a day is not waited for: the next run tries again.
    if policy == "DAILY" or (not policy and "daily" in message):
        text = (
            "HubSpot's requests of this day are used up, by syncd or by other programs: try again later; "
            "the count begins anew at midnight in the account's time zone"
        )
        return Verdict("fail", error=SourceUnavailable(text))
    if policy == "SECONDLY" or (not policy and " secondly" in message):
        return Verdict("wait", seconds=1.0)
    interval = answer.headers.get(INTERVAL, "")
    seconds = retry_after(answer.headers) or (int(interval) / 1000 if interval.isdecimal() else 10.0)
    return Verdict("wait", seconds=min(seconds, LONGEST_WAIT))


def _moving(answer: Answer, _judge: HubSpotJudge) -> Verdict:
    # A move takes hours, so it is left to a later run.
    minutes = round(retry_after(answer.headers) / 60)
    when = f"in {minutes} minutes" if minutes else "later"
    text = f"HubSpot is moving the account to another data centre (status 477): try again {when}"
    return Verdict("fail", error=SourceUnavailable(text))


def _refused(answer: Answer, judge: HubSpotJudge) -> Verdict:
    return Verdict("fail", error=SourceInvalid(f"HubSpot refused the request (status 400{judge.words(answer)})"))


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


_BY_STATUS: Mapping[int, Callable[[Answer, HubSpotJudge], Verdict]] = {
    400: _refused,
    403: _denied,
    414: lambda _answer, _judge: Verdict("accept", TOO_LONG),
    423: lambda _answer, _judge: Verdict("retry", "has locked the requested records (status 423)", LOCK_WAIT),
    429: _limited,
    477: _moving,
}
"""The statuses that say more at HubSpot than at other servers."""
