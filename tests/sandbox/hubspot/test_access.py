"""Who may ask the HubSpot fake, and how often: keys, scopes, tokens and rate limits."""

from __future__ import annotations

import httpx
import pytest

from syncd.sandbox.hubspot.rates import LIMITS
from tests.worlds.hubspot_account import LIST, Account, account


class TestAccess:
    def test_a_wrong_key_a_malformed_one_and_none(self) -> None:
        made = account()
        keys = {"pat-na1-other": 401, "no token at all": 530}
        answers = {key: made.client.get(LIST, headers={"Authorization": f"Bearer {key}"}).status_code for key in keys}
        assert answers == keys
        assert made.client.get(LIST, headers={"Authorization": ""}).status_code == 401

    def test_a_missing_scope_is_named(self) -> None:
        made = account()
        made.fake.portal.scopes.discard("crm.objects.contacts.read")
        body = made.get(LIST)
        assert body["category"] == "MISSING_SCOPES"
        assert body["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.read"]

    def exchange(self, made: Account, **form: str) -> httpx.Response:
        known = {"grant_type": "refresh_token", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
        return made.client.post(
            "/oauth/2026-09/token", data={**known, "refresh_token": made.fake.backend.tokens.refresh, **form}
        )

    def test_an_access_token_is_good_for_half_an_hour(self) -> None:
        made = account()
        body = self.exchange(made).json()
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        assert made.client.get(LIST, headers=headers).status_code == 200
        made.clock.now += body["expires_in"]
        assert made.client.get(LIST, headers=headers).status_code == 401

    @pytest.mark.parametrize(
        ("form", "status"),
        [
            ({"refresh_token": "x"}, "BAD_REFRESH_TOKEN"),
            ({"client_secret": "x"}, "BAD_CLIENT_ID"),
            ({"grant_type": "x"}, "BAD_GRANT_TYPE"),
        ],
    )
    def test_a_wrong_form_is_refused(self, form: dict[str, str], status: str) -> None:
        answer = self.exchange(account(), **form)
        assert (answer.status_code, answer.json()["status"]) == (400, status)

    def test_a_refresh_token_may_be_used_up(self) -> None:
        made = account(dialects={"refresh_token": "rotated"})
        first = made.fake.backend.tokens.refresh
        assert self.exchange(made).json()["refresh_token"] != first
        assert self.exchange(made, refresh_token=first).status_code == 400


class TestLimits:
    def test_ten_seconds(self) -> None:
        made = account(limits=LIMITS)
        answers = [made.client.get(LIST, params={"limit": 1}) for _ in range(101)]
        assert [answer.status_code for answer in answers].count(200) == 100
        assert answers[-1].json()["policyName"] == "TEN_SECONDLY_ROLLING"
        assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "100"
        assert answers[0].headers["X-HubSpot-RateLimit-Daily"] == "250000"
        made.clock.now += 10
        assert made.client.get(LIST).status_code == 200

    def test_searches_have_their_own_and_no_headers(self) -> None:
        made = account(limits=LIMITS)
        answers = [made.client.post(f"{LIST}/search", json={}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert answers[-1].json()["policyName"] == "SECONDLY"
        assert not [name for answer in answers for name in answer.headers if "ratelimit" in name]

    def test_the_day(self) -> None:
        made = account(limits=((2, 86_400.0),), dialects={"retry_after": "seconds"})
        answers = [made.client.get(LIST) for _ in range(3)]
        assert answers[-1].json()["policyName"] == "DAILY"
        assert answers[-1].headers["Retry-After"] == "86400"
