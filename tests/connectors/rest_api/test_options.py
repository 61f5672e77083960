"""The options of a REST source: each mistake gets one sentence with the right form."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.http_parts.presets import merged
from connectors.rest_api.options import RestOptions
from syncd.config import load
from syncd.config.yaml_tree import read_plain
from syncd.errors import ConfigError

CONTEXT = {"read_yaml": read_plain}
ROOT = Path(__file__).parents[3]
LEAST: dict[str, Any] = {"base_url": "https://crm.example.com", "request": {"path": "/contacts"}}
TOKEN = {"request": {"path": "/x", "query": {"after": "{token}"}}, "page": {"by": "token", "from": "next"}}
TIME = {"request": {"path": "/x", "query": {"since": "{since}"}}, "changes": {"by": "time"}}
SECRETS = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
OAUTH = {"oauth2": {"token_url": "https://x.example.com", "api": {"from": "url", "under": ["example.com"]}}}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"base_url": None}, "base_url is missing"),
    "no path": ({"request": {}}, "request.path is missing"),
    "no such preset": (
        {"preset": "zoho"},
        r"'zoho' is no preset \(did you mean 'zoho-crm'\?\); there are: .*pipedrive",
    ),
    "a preset that is no text": ({"preset": ["zoho"]}, "valid string"),
    "a preset without what it needs": (
        {"preset": "pipedrive"},
        r"needs vars\.company \(the part of .*secrets\.api_token",
    ),
    "plain http": ({"base_url": "http://crm.example.com"}, "plain http"),
    "no URL": ({"base_url": "crm.example.com"}, "is no address"),
    "an address in a host": (
        {"base_url": "https://{host}/api", "vars": {"host": "https://crm.example.com"}},
        "a host without https://",
    ),
    "a variable that is used nowhere": (
        {"preset": "zoho-crm", "vars": {"regoin": "eu"}, "secrets": SECRETS},
        r"vars\.regoin is used nowhere \(did you mean 'region'\?\)",
    ),
    "a secret that is used nowhere": ({"secrets": {"key": "x"}}, r"secrets\.key is used nowhere \["),
    "a user in the URL": ({"base_url": "https://pat@crm.example.com"}, "is no address"),
    "an unknown variable in the address": ({"base_url": "https://{x}.example.com"}, r"base_url uses \{x\}"),
    "an unknown variable": (
        {"request": {"path": "/x", "query": {"a": "{sinse}"}}},
        r"request uses \{sinse\}, which is none of its variables \(did you mean 'since'\?\)",
    ),
    "an unknown variable of auth": (
        {"auth": {"headers": {"X": "{tokn}"}}, "secrets": {"tokne": "x"}},
        r"auth\.headers uses \{tokn\}.*did you mean 'tokne'",
    ),
    "oauth without its secrets": (
        {"auth": {"oauth2": {"token_url": "https://x.example.com"}}},
        r"auth\.oauth2 uses \{client_id\}, which neither vars nor secrets has",
    ),
    "a secret in a path": ({"request": {"path": "/{key}"}, "secrets": {"key": "x"}}, r"path uses the secret \{key\}"),
    "plain http for tokens": (
        {"auth": {"oauth2": {"token_url": "http://login.example.com"}}},
        r"auth\.oauth2\.token_url is plain http",
    ),
    "a preset and vars that are none": ({"preset": "espocrm", "vars": 5}, r"needs vars\.host"),
    "a brace alone": ({"request": {"path": "/x", "query": {"a": "{"}}}, "brace"),
    "a path without a slash": ({"request": {"path": "x"}}, "pattern"),
    "a token from nowhere": ({"page": {"by": "token"}}, "by: token needs from"),
    "a token that is not sent": ({"page": {"by": "token", "from": "next"}}, r"no part of its request uses \{token\}"),
    "an offset that is not sent": ({"page": {"by": "offset"}}, r"no part of its request uses \{offset\}"),
    "no JMESPath": ({"records": {"path": "a["}}, "JMESPath"),
    "changes that are not asked for": ({"changes": {"by": "time"}}, r"no part of its request uses \{since\}"),
    "a cursor that is not sent": ({"changes": {"by": "token", "from": "x"}}, r"no part of its request uses \{cursor\}"),
    "changes by a token from nowhere": ({"changes": {"by": "url"}}, "by: url needs from"),
    "no form of a moment": ({**TIME, "changes": {"by": "time", "form": "epoch"}}, "is not a time format"),
    "deletes without changes": ({"deletes": {"sweep": {}}}, "need changes"),
    "columns without the id": ({"columns": {"name": "name"}}, "columns has no column for the records' id"),
    "a lookup of nothing": ({"enrich": [{"into": "x", "by": "y", "request": {"path": "/y"}}]}, r"uses no \{ids\}"),
    "a limit that is none": ({"limits": ["fast"]}, "is not requests per time"),
    "a limit without time": ({"limits": ["5/0s"]}, "is not requests per time"),
    "a limit for no request": ({"limits": [{"rate": "5/1s", "match": "("}]}, "not a regular expression"),
    "a rule for everything": ({"errors": [{"do": "empty"}]}, "neither status nor when"),
    "a fan-out of nothing": ({"fanout": {"into": "x"}}, "has no value"),
    "two signatures": (
        {"auth": {"headers": {"Authorization": "x"}, "basic": {"user": "a"}}},
        "only one of basic, oauth2",
    ),
    "a token's address that is not used": (
        {"auth": OAUTH, "secrets": SECRETS},
        r"base_url begins with \{api\} if auth\.oauth2\.api says",
    ),
    "an address that no token tells": ({"base_url": "{api}/v1"}, r"begins with \{api\} if"),
    "an address under everything": (
        {"auth": {"oauth2": {"token_url": "https://x.example.com", "api": {"from": "url", "under": ["com"]}}}},
        "is not a domain",
    ),
    "a signature over what is unknown": (
        {"auth": {"hmac": {"header": "X", "secret": "x", "over": "{body}"}}},
        r"over uses \{body\}; it may use \{method\} and \{path\}",
    ),
    "a signature without its secret": (
        {"auth": {"hmac": {"header": "X", "secret": "{kye}"}}, "secrets": {"key": "x"}},
        r"auth\.hmac uses \{kye\}.*did you mean 'key'",
    ),
    "an optional variable deep in a body": (
        {"request": {"path": "/x", "body": {"filter": [["since", "{since}"]]}}},
        r"write \{if: since, then: …\}",
    ),
    "no name of a variable": ({"vars": {"a-b": "x"}}, "is no name of a variable"),
    "an unknown key": ({"pages": {}}, "Extra inputs"),
}


@pytest.mark.parametrize(("said", "message"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_told(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RestOptions.model_validate({**LEAST, **said}, context=CONTEXT)


def test_the_least_is_an_address_and_a_path() -> None:
    options = RestOptions.model_validate(LEAST)
    assert (options.address(), options.id_column) == ("https://crm.example.com", "id")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost/x"])
def test_this_machine_needs_no_tls(url: str) -> None:
    assert RestOptions.model_validate({**LEAST, "base_url": url}).address() == url


def test_all_that_is_wrong_is_told_at_once() -> None:
    said = {
        "base_url": "http://crm.example.com",
        "request": {"path": "/x"},
        "vars": {"a": "1"},
        "page": {"by": "offset"},
    }
    with pytest.raises(ValidationError, match=r"plain http.*; page goes on by offset.*; vars\.a is used nowhere"):
        RestOptions.model_validate(said)


def test_plain_http_can_be_allowed() -> None:
    RestOptions.model_validate({**LEAST, "base_url": "http://crm.example.com", "plain_http": True})


def test_what_is_said_takes_the_place_of_what_a_preset_says() -> None:
    said = {"preset": "pipedrive", "vars": {"company": "acme"}, "secrets": {"api_token": "x"}, "page": {"size": 50}}
    options = RestOptions.model_validate(said, context=CONTEXT)
    assert (options.page.by, options.page.size, options.page.source) == ("token", 50, "additional_data.next_cursor")
    assert merged({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}}) == {"a": {"b": 1, "c": [2]}}
    assert merged({"a": {"b": 1, "c": [1]}}, {"a": {"c": None}, "d": None}) == {"a": {"b": 1}}


def test_the_id_may_be_a_column_of_another_name() -> None:
    options = RestOptions.model_validate({**LEAST, "columns": {"key": "id", "n": "name"}})
    assert options.id_column == "key"


def test_only_the_lookups_that_are_used_are_made() -> None:
    step = {"request": {"path": "/y", "query": {"ids": "{ids}"}}}
    steps = [
        {**step, "into": "link", "by": "id"},
        {**step, "into": "company", "by": "link.to"},
        {**step, "into": "z", "by": "z"},
    ]
    options = RestOptions.model_validate({**LEAST, "enrich": steps})
    assert [each.into for each in options.steps(frozenset({"id", "company.name"}))] == ["link", "company"]
    assert options.steps(frozenset({"id", "companys"})) == ()
    assert len(options.steps(frozenset())) == 3


def test_secrets_are_shown_nowhere() -> None:
    options = RestOptions.model_validate({**LEAST, "auth": {"query": {"k": "{key}"}}, "secrets": {"key": "hush"}})
    assert "hush" not in f"{options!r} {options.model_dump()} {options.model_dump_json()}"


@pytest.mark.parametrize("name", RestOptions.PRESETS.names())
def test_every_preset_says_what_it_needs(name: str) -> None:
    needs = RestOptions.PRESETS.get(name, read_plain).needs
    assert needs
    assert all(place.startswith(("vars.", "secrets.")) and what for place, what in needs.items())


def test_the_commented_example_loads(tmp_path: Path) -> None:
    path = tmp_path / "syncd.yaml"
    path.write_text(f"target: {{api_key: k}}\nstate: s.db\ninclude: [{ROOT}/config/connectors/rest.yaml]\n")
    secrets = {"CRM_CLIENT_ID": "a", "CRM_CLIENT_SECRET": "b", "CRM_REFRESH_TOKEN": "c"}
    options = load(path, secrets).sources["rest"].options
    assert isinstance(options, RestOptions)
    assert options.auth.oauth2
    assert options.auth.oauth2.tokens == ROOT / "config/connectors/syncd-tokens.json"


def test_a_mistake_has_its_place_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "syncd.yaml"
    path.write_text(
        "target: {api_key: k}\nstate: s.db\nsources:\n  crm:\n    connector: rest\n    key: id\n"
        "    mapping: {External ID: id}\n    options:\n      preset: pipedrive\n      vars: {company: acme}\n"
        "      secrets: {api_token: x}\n      page: {by: tokens}\n"
    )
    with pytest.raises(ConfigError, match=r"syncd\.yaml:12: .*page\.by: 'tokens' is not known here \(did you mean"):
        load(path, {})
