"""Requests from templates: values that are filled in, entries that are left out, and templates that are refused."""

from typing import Any

import pytest

from connectors.http_parts.template import ABSENT, Request, RequestTemplate, fill, names_in, unguarded
from syncd.errors import ConfigError

FILLED: dict[str, tuple[Any, Any]] = {
    "text": ("a{page}b", "a2b"),
    "a variable alone keeps its type": ("{page}", 2),
    "a list alone stays one": ("{ids}", ["1", "2"]),
    "a list in a text is joined": ("id in ({ids})", "id in (1,2)"),
    "braces": ("{{{page}}}", "{2}"),
    "no value": ("since {since}", ABSENT),
    "a number": (5, 5),
    "a flag": (False, False),
    "nested": ({"a": [{"b": "{page}"}]}, {"a": [{"b": 2}]}),
    "an entry without a value is left out": ({"a": "{since}", "b": "{page}"}, {"b": 2}),
    "what goes with a variable that has a value": ([{"if": "page", "then": ["p", "{page}"]}], [["p", 2]]),
    "what goes with a variable without one": ([["x"], {"if": "since", "then": ["date", "{since}"]}], [["x"]]),
}


@pytest.mark.parametrize(("template", "filled"), FILLED.values(), ids=FILLED)
def test_a_template_is_filled(template: Any, filled: Any) -> None:
    assert fill(template, {"page": 2, "ids": ["1", "2"], "since": None}) == filled


def test_the_variables_of_a_template_are_known() -> None:
    template = {"a": "{x} {y}", "b": [{"if": "since", "then": "{z}"}], "c": "{{no}}", "d": 1}
    assert names_in(template) == {"x", "y", "z", "since"}


@pytest.mark.parametrize("text", ["{", "}", "{a b}", "{}", "{{}", "{a}}"])
def test_a_brace_without_its_partner_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="brace"):
        names_in(text)


def test_an_optional_variable_deep_in_a_body_must_be_guarded() -> None:
    assert unguarded({"since": "{since}"}) == set()
    assert unguarded({"domain": [["date", ">=", "{since}"]]}) == {"since"}
    assert unguarded({"domain": [{"if": "since", "then": ["date", ">=", "{since}"]}]}) == set()
    assert unguarded(["{last_id}"]) == {"last_id"}
    assert unguarded({"size": {"limit": "{size}"}}) == set()


def test_a_request_is_filled() -> None:
    template = RequestTemplate(
        path="/{module}/search",
        method="POST",
        query={"token": "{token}", "limit": "{size}", "deep": True},
        headers={"If-Modified-Since": "{since}", "X-Kind": "{module}"},
        body={"filter": "{since}", "limit": "{size}"},
    )
    values = {"module": "a b/c", "size": 100, "since": None}
    assert template.fill(values) == Request(
        method="POST",
        path="/a%20b%2Fc/search",
        query={"limit": 100, "deep": "true"},
        headers={"X-Kind": "a b/c"},
        body={"limit": 100},
    )


def test_a_path_needs_its_variables() -> None:
    with pytest.raises(ConfigError, match=r"'/view/\{view\}'"):
        RequestTemplate(path="/view/{view}").fill({})


def test_a_later_request_takes_over_what_it_does_not_say() -> None:
    first = RequestTemplate(path="/contacts", query={"limit": "{size}"}, body={"a": 1, "b": 2})
    later = first.with_parts({"query": {"since": "{since}"}, "body": {"b": 3}})
    assert (later.path, dict(later.query)) == ("/contacts", {"limit": "{size}", "since": "{since}"})
    assert later.body == {"a": 1, "b": 3}
