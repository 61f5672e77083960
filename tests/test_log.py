"""Logs: what a line holds, and what no line ever holds."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from syncd import log
from syncd.errors import ConfigError
from tests.worlds.logs import logging_restored


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    with logging_restored():
        yield


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_when_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.INFO, human=False)
    structlog.get_logger("syncd.push.upserts").info("batch", source="tenants", rows=500)
    [line] = lines(capsys)
    assert (line["event"], line["level"], line["source"], line["rows"]) == ("batch", "info", "tenants", 500)
    assert line["timestamp"].endswith("Z")


def test_a_line_is_for_people_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    log.configure(logging.INFO, human=True)
    structlog.get_logger("syncd.push.upserts").info("batch", source="tenants")
    written = capsys.readouterr().err
    assert "batch" in written
    assert "source=tenants" in written
    assert "\x1b" not in written


def test_nothing_is_written_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.DEBUG, human=False)
    structlog.get_logger("syncd.push.upserts").error("batch")
    logging.getLogger("some.library").error("something")
    assert capsys.readouterr().out == ""


def test_the_level_holds_for_our_lines_and_those_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.WARNING, human=False)
    structlog.get_logger("syncd.push.upserts").info("unheard")
    logging.getLogger("some.library").info("unheard")
    structlog.get_logger("syncd.push.upserts").warning("heard")
    logging.getLogger("some.library").warning("heard too")
    assert [line["event"] for line in lines(capsys)] == ["heard", "heard too"]


def test_a_library_s_record_is_structured(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.INFO, human=False)
    logging.getLogger("some.library").warning("opened %s", "a pool")
    [line] = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("opened a pool", "warning", "some.library")


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "sqlalchemy.engine.Engine", "uvicorn.access", "another"])
def test_libraries_are_quiet_below_warning_even_when_debugging(capsys: pytest.CaptureFixture[str], name: str) -> None:
    log.configure(logging.DEBUG, human=False)
    logging.getLogger(name).info("GET https://api.example.com/v1/contacts?search=2125551234")
    assert capsys.readouterr().err == ""


def test_a_url_loses_its_query_and_its_user(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.INFO, human=False)
    logging.getLogger("some.library").warning("GET https://me:pw@api.example.com/v1/contacts?search=Ada failed")
    [line] = lines(capsys)
    assert line["event"] == "GET https://api.example.com/v1/contacts?*** failed"


@pytest.mark.parametrize(
    "said",
    [
        "number 2125551234 is bad",
        "number (212) 555-1234 is bad",
        "number 212-555-1234 is bad",
        "number +1 212 555 1234 is bad",
        "number +442071234567 is bad",
        "address ada@example.com is bad",
        "Authorization: Bearer abc.def-123 is bad",
    ],
)
def test_what_looks_like_a_number_an_address_or_a_key_is_made_unreadable(said: str) -> None:
    shown = log.redacted(said)
    assert shown.endswith("is bad")
    assert "***" in shown
    for part in ("555", "2071234567", "ada@", "abc.def"):
        assert part not in shown


@pytest.mark.parametrize(
    "said",
    [
        "20261123T205626-f29009",
        "2026-11-23 20:56:26",
        "tenants.csv:12",
        "181119",
        "http://127.0.0.1:8088/v1",
        "9f3c12ab",
    ],
)
def test_what_a_person_needs_to_find_things_stays(said: str) -> None:
    assert log.redacted(said) == said


def test_a_known_secret_appears_in_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.INFO, human=False)
    log.hide(["very-secret-key", ""])
    structlog.get_logger("syncd.push.upserts").info("batch", note="it was very-secret-key")
    logging.getLogger("some.library").warning("it was %s", "very-secret-key")
    assert "very-secret-key" not in capsys.readouterr().err


def test_a_field_with_the_name_of_a_secret_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.INFO, human=False)
    structlog.get_logger("syncd.push.upserts").info(
        "call", api_key="k", Authorization="b", headers="c", password="d", body="e", payload="f"
    )
    [line] = lines(capsys)
    for name in ("api_key", "Authorization", "headers", "password", "body", "payload"):
        assert line[name] == "***"


def test_a_payload_is_named_by_its_type_only(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.INFO, human=False)
    frame = pl.DataFrame({"Name": ["Ada Abbott"]})
    structlog.get_logger("syncd.push.upserts").info(
        "batch", rows=frame, contact={"Name": "Ada Abbott"}, raw=b"Ada", ids=[1, 2]
    )
    [line] = lines(capsys)
    assert (line["rows"], line["contact"], line["raw"], line["ids"]) == ("<DataFrame>", "<dict>", "<bytes>", [1, 2])


def test_an_exception_is_told_by_type_and_place_without_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.INFO, human=False)
    try:
        _ = dict[str, str]()["Ada Abbott"]
    except KeyError:
        structlog.get_logger("syncd.push.upserts").exception("failed")
        logging.getLogger("some.library").exception("failed too")
    written = capsys.readouterr().err
    assert "Ada" not in written
    for line in map(json.loads, written.splitlines()):
        assert line["exception"] == "KeyError"
        assert "test_log.py" in line["at"][-1]


def test_a_warning_is_a_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.INFO, human=False)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("an old call", UserWarning, stacklevel=1)
    [line] = lines(capsys)
    assert line["logger"] == "py.warnings"
    assert "an old call" in line["event"]


def test_a_set_up_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(logging.INFO, human=False)
    log.configure(logging.INFO, human=False)
    logging.getLogger("some.library").warning("once")
    assert len(lines(capsys)) == 1


@pytest.mark.parametrize(
    ("option", "variable", "level"),
    [(None, None, 20), ("debug", "error", 10), (None, "warning", 30), ("ERROR", None, 40), (None, "", 20)],
)
def test_the_level_is_the_option_s_else_the_variable_s_else_info(
    option: str | None, variable: str | None, level: int
) -> None:
    environ = {} if variable is None else {"SYNCD_LOG_LEVEL": variable}
    assert log.level_of(option, environ) == level


def test_a_level_that_there_is_not_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"\$SYNCD_LOG_LEVEL.*'loud'.*debug, info, warning, error"):
        log.level_of(None, {"SYNCD_LOG_LEVEL": "loud"})


@given(
    st.text(alphabet="abcdefgh ,", max_size=20),
    st.integers(2_000_000_000, 9_999_999_999),
    st.text(alphabet="abcdefgh ,", max_size=20),
)
def test_no_ten_digit_number_survives_among_words(before: str, number: int, after: str) -> None:
    assert str(number) not in log.redacted(f"{before} {number} {after}")
