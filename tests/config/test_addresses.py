"""The target's address: which ones are refused, and that a refusal shows no secret."""

import pytest

from tests.worlds.config_world import World


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://api.example.com/v1", "would send the API key in clear: write https://"),
        ("http://localhost.example.com", "would send the API key in clear"),
        ("ftp://example.com", "is not an address: write https://HOST/PATH"),
        ("api.example.com", "is not an address"),
        ("https://u:p@example.com", "without user, query or fragment"),
        ("https://example.com/v1?a=b", "without user, query or fragment"),
        ("https://[::1", "is not an address"),
        ("https://example.com:99999", "is not an address"),
        ('"https://exa mple.com"', "is not an address"),
    ],
)
def test_an_address_that_a_key_should_not_travel_to_is_refused(world: World, url: str, told: str) -> None:
    text = world.one_source().replace("target:\n", f"target:\n  base_url: {url}\n")
    (problem,) = world.problems(text)
    assert problem.startswith("syncd.yaml:2: target.base_url: ")
    assert told in problem


@pytest.mark.parametrize(
    "url",
    [
        "http://bob:sekret@127.0.0.1:1/v1",
        "https://example.com/v1?token=sekret",
        "https://example.com/v1#sekret",
        "http://sekret.example.com",
        "ftp://bob:sekret@example.com",
        "https://bob:sekret@[::1",
    ],
)
def test_a_password_or_token_in_an_address_that_is_refused_is_not_shown(world: World, url: str) -> None:
    (problem,) = world.problems(world.one_source().replace("target:\n", f'target:\n  base_url: "{url}"\n'))
    assert problem.startswith("syncd.yaml:2: target.base_url: ")
    assert "sekret" not in problem


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8900/v1", "http://localhost:8900", "http://[::1]:1/v1", "https://example.com/v1/"]
)
def test_an_address_of_this_machine_may_be_plain(world: World, url: str) -> None:
    text = world.one_source().replace("target:\n", f'target:\n  base_url: "{url}"\n')
    assert world.load(text).target.base_url == url.rstrip("/")
