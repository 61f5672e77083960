"""The bounds of requests in a configuration: how long, how many bytes; the same two keys for the target and sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncd.config import Settings, load
from syncd.errors import ConfigError

REST: dict[str, Any] = {"base_url": "https://crm.example.com", "request": {"path": "/people"}}
HUBSPOT: dict[str, Any] = {"service_key": "pat-na1-12345678"}


def loaded(folder: Path, *, target: dict[str, Any] | None = None, **options: Any) -> Settings:
    source = {"connector": "rest", "key": "id", "mapping": {"Phone": "phone"}, "options": {**REST, **options}}
    if "service_key" in options:
        source |= {"connector": "hubspot", "options": options}
    text = json.dumps({"target": {"api_key": "k", **(target or {})}, "sources": {"crm": source}})
    (folder / "syncd.yaml").write_text(text)
    return load(folder / "syncd.yaml")


def test_requests_are_bounded_without_a_word_in_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    crm: Any = settings.sources["crm"].options
    hubspot: Any = loaded(tmp_path, **HUBSPOT).sources["crm"].options
    for each in (settings.target, crm, hubspot):
        assert (each.deadline, each.max_answer) == (300.0, 64_000_000)


@pytest.mark.parametrize("options", [{}, HUBSPOT])
def test_the_target_and_sources_have_the_same_two_keys(tmp_path: Path, options: dict[str, Any]) -> None:
    bounds = {"deadline": "90s", "max_answer": "2 MiB"}
    settings = loaded(tmp_path, target=bounds, **options, **bounds)
    source: Any = settings.sources["crm"].options
    for each in (settings.target, source):
        assert (each.deadline, each.max_answer) == (90.0, 2 << 20)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("deadline", "0s", "no time at all"),
        ("deadline", "soon", "is not a duration"),
        ("max_answer", "64 elephants", "is not a size: write 64MB"),
        ("max_answer", 0, "not a usable size"),
        ("max_answer", True, "is no text or number"),
        ("max_answers", "1MB", "did you mean 'max_answer'"),
    ],
)
def test_a_wrong_bound_of_the_target_is_an_error_with_its_place(
    tmp_path: Path, key: str, value: Any, says: str
) -> None:
    with pytest.raises(ConfigError, match=rf"syncd\.yaml:1: target\.{key}: .*{says}"):
        loaded(tmp_path, target={key: value})


@pytest.mark.parametrize("options", [{}, HUBSPOT])
@pytest.mark.parametrize(("key", "value"), [("deadline", 0), ("max_answer", "64 elephants"), ("max_answer", True)])
def test_a_wrong_bound_of_a_source_is_an_error_with_its_place(
    tmp_path: Path, options: dict[str, Any], key: str, value: Any
) -> None:
    with pytest.raises(ConfigError, match=rf"sources\.crm\.options\.{key}"):
        loaded(tmp_path, **options, **{key: value})
