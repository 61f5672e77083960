"""How calls and messages are worded at a sink."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.activity import wording
from syncd.core.settings.sinks import CallRules

TITLE = "{direction} call {remote_name}"


def call(**more: Any) -> dict[str, Any]:
    return {"kind": "call", "id": "c1", "direction": "incoming", "remote_number": "2125550100", **more}


def message(**more: Any) -> dict[str, Any]:
    return {"kind": "message", "direction": "incoming", "remote_number": "2125550100", "attachments": [], **more}


@pytest.mark.parametrize(
    ("row", "template", "title"),
    [
        (call(remote_name="Ann Lee"), TITLE, "Incoming call Ann Lee"),
        (call(remote_name=None), TITLE, "Incoming call 2125550100"),
        (call(remote_number=None), TITLE, "Incoming call withheld"),
        (call(direction=None, remote_name="Ann"), TITLE, "Call Ann"),
        (call(remote_name="Ann\nLee"), TITLE, "Incoming call Ann Lee"),
        (call(duration=12), "{duration} s, {extension} {nobody}", "12 s,"),
        (call(remote_name="{id}"), TITLE, "Incoming call {id}"),
    ],
)
def test_a_title_holds_the_values_that_there_are(row: dict[str, Any], template: str, title: str) -> None:
    assert wording.title_of(row, template) == title


def test_names_that_no_row_has_are_told() -> None:
    assert wording.unknown_names(TITLE) == []
    assert wording.unknown_names("{who} {id} {who} {}") == ["who", ""]
    assert wording.unknown_names("https://x/{path}", *wording.OF_RECORDINGS) == []


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (CallRules(), "Summary:\nThey agreed.\n\nTranscription:\nHello."),
        (CallRules(transcript="none"), "They agreed."),
        (CallRules(transcript="api"), "They agreed."),
        (CallRules(summary=False), "Hello."),
        (CallRules(summary=False, transcript="none"), ""),
    ],
)
def test_a_call_s_text_is_what_the_rules_want(rules: CallRules, text: str) -> None:
    row = call(summary=" They agreed.", transcription="Hello.\n")
    assert wording.text_of(row, rules) == text
    assert wording.text_of(call(summary=None, transcription=None), rules) == ""


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (message(body="Yes"), "Yes"),
        (
            message(body="See", attachments=[{"filename": "a.jpg"}, {"content_type": "image/png"}, {}]),
            "See\n[a.jpg]\n[image/png]\n[file]",
        ),
        (message(body=None), ""),
    ],
)
def test_a_message_s_text_is_its_body_and_its_files(row: dict[str, Any], text: str) -> None:
    assert wording.text_of(row) == text


@pytest.mark.parametrize(
    ("row", "sender"),
    [
        (message(), "Received from 2125550100"),
        (message(direction="outgoing"), "Sent to 2125550100"),
        (message(remote_number=None), "Received from withheld"),
        (message(messages=["m1", "m2"]), "Conversation with 2125550100"),
    ],
)
def test_a_message_s_direction_is_said_in_words(row: dict[str, Any], sender: str) -> None:
    assert wording.sender_of(row) == sender


def test_the_address_is_of_the_longest_recording_that_is_kept() -> None:
    segments = [
        {"media_id": "rec_1", "path": "2026/a b.mp3", "duration": 60},
        {"media_id": "rec_2", "path": "2026/c.mp3", "duration": 5},
        {"media_id": "rec_3", "duration": 600},
    ]
    row = call(segments=segments)
    assert wording.address_of(row, "https://files.example.com/{path}?call={id}") == (
        "https://files.example.com/2026/a%20b.mp3?call=c1"
    )
    assert wording.address_of(row, "") == ""
    assert wording.address_of(call(segments=segments[2:]), "https://files.example.com/{path}") == ""


def test_a_text_that_is_too_long_is_cut_with_a_mark() -> None:
    assert wording.cut("as it is", 8) == "as it is"
    made = wording.cut("x" * 100, 20)
    assert (len(made), made.endswith("x … [cut]")) == (20, True)


def test_nothing_that_a_person_said_is_markup() -> None:
    assert wording.html_of('<b>"A" & B</b>\r\nit\'s') == '&lt;b&gt;"A" &amp; B&lt;/b&gt;<br>it\'s'


@pytest.mark.parametrize("most", range(9, 60))
def test_html_is_not_cut_inside_a_tag(most: int) -> None:
    html = "<strong>Summary</strong><br>a &amp; b<br>" + "y" * 40
    made = wording.cut_html(html, most)
    assert len(made) <= most
    assert made.endswith(wording.MARK)
    assert html.startswith(made.removesuffix(wording.MARK))
    rest = (
        made.removesuffix(wording.MARK).replace("<strong>Summary</strong>", "").replace("<br>", "").replace("&amp;", "")
    )
    assert not set(rest) & set("<>&")
