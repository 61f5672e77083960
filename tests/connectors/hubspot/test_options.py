"""The options of a HubSpot source: what they refuse, and that no message shows a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.hubspot.options import HubSpotOptions
from syncd.errors import SourceDenied, SourceError, SourceInvalid
from syncd.sandbox.hubspot.tokens import CLIENT, LIFE, REFRESH
from tests.worlds.hubspot_source import MINUTES, Crm

OAUTH = {**CLIENT, "refresh_token": REFRESH}


def crm_with_oauth(folder: Path, **fake: Any) -> Crm:
    oauth = {**OAUTH, "tokens": folder / "tokens.json"}
    return Crm(2, options={"service_key": None, "oauth": oauth}, **fake)


def test_a_service_key_is_all_that_is_needed() -> None:
    options = HubSpotOptions.model_validate({"service_key": "pat-na1-x"})
    assert (options.api_version, options.base_url) == ("2026-09", "https://api.hubapi.com")
    assert (options.overlap, options.sweep, options.full) == (900, 86_400, 604_800)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "either service_key or oauth"),
        ({"service_key": "pat-x", "oauth": OAUTH}, "either service_key or oauth"),
        ({"service_key": ""}, "is empty"),
        ({"service_key": "pat-x\n"}, "spaces and line ends"),
        ({"service_key": "pat-x", "api_version": "v1"}, "a version such as"),
        ({"service_key": "pat-x", "api_version": "2026-13"}, "a version such as"),
        ({"service_key": "pat-x", "base_url": "api.hubapi.com"}, "expected an address"),
        ({"service_key": "pat-x", "base_url": "http://api.hubapi.com"}, "expected https"),
        ({"service_key": "pat-x", "base_url": "https://user@api.hubapi.com"}, "expected an address"),
        ({"service_key": "pat-x", "base_url": "https://[1"}, "expected an address"),
        ({"service_key": "pat-x", "overlap": "long"}, "duration"),
        ({"service_key": "pat-x", "overlap": -5}, "must be from 0 seconds"),
        ({"oauth": {"client_id": "x"}}, "refresh_token"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        HubSpotOptions.model_validate(options)


def test_secrets_show_themselves_nowhere() -> None:
    options = HubSpotOptions.model_validate({"oauth": OAUTH})
    shown = f"{options!r} {options} {options.model_dump()} {options.model_dump_json()}"
    assert REFRESH not in shown
    assert CLIENT["client_secret"] not in shown


def test_the_file_of_tokens_stands_beside_the_configuration(tmp_path: Path) -> None:
    options = HubSpotOptions.model_validate({"oauth": OAUTH}, context={"folder": tmp_path})
    assert options.oauth
    assert options.oauth.tokens == tmp_path / "hubspot-tokens.json"


def test_an_access_token_is_renewed_ahead_of_its_end(tmp_path: Path) -> None:
    crm = crm_with_oauth(tmp_path)
    crm.read()
    assert crm.asked()["/token"] == 1
    crm.read(later=5 * MINUTES)
    assert crm.asked()["/token"] == 0
    crm.read(later=LIFE - 6 * MINUTES)
    assert crm.asked()["/token"] == 1
    assert {each.status for each in crm.fake.requests} == {200}


def test_a_new_refresh_token_is_kept_for_the_next_time(tmp_path: Path) -> None:
    crm = crm_with_oauth(tmp_path, dialects={"refresh_token": "rotated"})
    for _ in range(3):
        crm.read(later=LIFE)
    file = tmp_path / "tokens.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert crm.fake.backend.tokens.refresh in json.dumps(json.loads(file.read_text()))


def test_where_tokens_cannot_be_kept_the_option_is_named(tmp_path: Path) -> None:
    crm = crm_with_oauth(tmp_path)
    crm.options["oauth"]["tokens"] = tmp_path / "missing" / "tokens.json"
    with pytest.raises(SourceInvalid, match=r"let oauth\.tokens name a file"):
        crm.read()


@pytest.mark.parametrize("name", ["client_secret", "refresh_token"])
def test_what_the_token_server_refuses_is_told_in_its_words(tmp_path: Path, name: str) -> None:
    crm = crm_with_oauth(tmp_path)
    crm.options["oauth"][name] = "another-5550100"
    with pytest.raises(SourceDenied, match=r"missing or unknown") as refused:
        crm.read()
    assert "5550100" not in str(refused.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 414, 429, 477, 500, 530])
def test_no_error_holds_the_key_or_a_contact(status: int) -> None:
    crm = Crm(1)
    message = f"no good: {crm.fake.key} 2125550100 ann@example.com"
    crm.fake.arm({"kind": "status", "status": status, "message": message, "times": None})
    with pytest.raises(SourceError) as failed:
        crm.read()
    assert not [each for each in (crm.fake.key, "2125550100", "ann@example.com") if each in str(failed.value)]


@pytest.mark.parametrize("status", [423, 502, 503, 504, 521, 523, 524])
def test_what_passes_is_waited_for(status: int) -> None:
    crm = Crm(1)
    crm.fake.arm({"kind": "status", "status": status, "times": 2})
    assert crm.read() == ["1"]
    assert status != 423 or min(crm.clock.slept[-2:]) >= 2.0


def test_the_vendor_tells_how_long_an_account_moves() -> None:
    crm = Crm(1)
    crm.fake.arm({"kind": "status", "status": 477, "retry_after": "7200"})
    with pytest.raises(SourceError, match="in 120 minutes"):
        crm.read()


def test_the_id_for_the_vendor_s_support_is_shown() -> None:
    crm = Crm(1)
    crm.fake.arm({"kind": "status", "status": 400, "category": "VALIDATION_ERROR", "message": "there is no such thing"})
    with pytest.raises(SourceError, match=r'VALIDATION_ERROR: "there is no such thing", correlationId 0{8}-'):
        crm.read()
