"""The names of files, and whether a download is the file that was named."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.activity.media.naming import Named, file_name, is_same_type, type_of


@pytest.mark.parametrize(
    ("filename", "content_type", "name"),
    [
        (None, "audio/mp3", "att_1.mp3"),
        ("photo1.jpg", "image/jpeg", "att_1-photo1.jpg"),
        ("photo", "image/jpeg", "att_1-photo.jpg"),
        (".jpg", "image/jpeg", "att_1-jpg.jpg"),
        ("../../etc/passwd", "text/plain", "att_1-passwd.txt"),
        ("..\\..\\windows\\system.ini", "text/plain", "att_1-system.txt"),
        ("..", "text/plain", "att_1.txt"),
        ("a\x00b\nc\x1b[2J.png", "image/png", "att_1-a_b_c_2J.png"),
        ("fdp\u202eexe.pdf", "application/pdf", "att_1-fdp_exe.pdf"),
        ("CON.txt", "text/plain", "att_1-CON.txt"),
        ("-rf.txt", "text/plain", "att_1-rf.txt"),
        ("$(reboot).txt", "text/plain", "att_1-(reboot).txt"),
        ("Jané Müller.vcf", "text/x-vcard", "att_1-Jané Müller.vcf"),
        ("invoice.exe", "application/pdf", "att_1-invoice.pdf"),
        ("invoice.exe", "application/octet-stream", "att_1-invoice.bin"),
        ("invoice.pdf", "application/octet-stream", "att_1-invoice.pdf"),
        ("invoice.pdf", "", "att_1-invoice.pdf"),
        ("page.html", "text/html", "att_1-page.bin"),
        ("x" * 300 + ".pdf", "application/pdf", "att_1-" + "x" * 80 + ".pdf"),
        ("é" * 300 + ".pdf", "application/pdf", "att_1-" + "é" * 40 + ".pdf"),
    ],
)
def test_a_name_holds_nothing_but_a_name(filename: str | None, content_type: str, name: str) -> None:
    assert file_name("att_1", content_type, "", filename) == name


def test_an_unknown_type_has_the_format_that_the_api_names() -> None:
    assert file_name("rec_1", "audio/x-new", "mp3") == "rec_1.mp3"
    assert file_name("rec_1", "audio/x-new", "../sh") == "rec_1.bin"


def test_ids_that_a_file_system_takes_for_one_have_two_files() -> None:
    names = [
        file_name(name, "audio/mp3").lower() for name in ("rec_a", "rec_A", "rec_" + "b" * 190, "rec_" + "b" * 191)
    ]
    assert len(set(names)) == 4
    assert max(map(len, names)) < 120


@given(media_id=st.text(min_size=1, max_size=200), filename=st.text(max_size=200), content_type=st.text(max_size=30))
def test_every_name_is_one_visible_part_of_a_path(media_id: str, filename: str, content_type: str) -> None:
    name = file_name(media_id, content_type, content_type, filename)
    assert re.fullmatch(r"[\w() -][\w() .-]*\.[a-z0-9]+", name)
    assert not name.startswith((".", " "))
    assert len(name.encode()) <= 255


@pytest.mark.parametrize(
    ("named", "served", "is_same"),
    [
        ("audio/mp3", "audio/mp3", True),
        ("audio/mp3", "audio/mpeg", True),
        ("audio/mp3", "application/octet-stream", True),
        ("audio/mp3", "", True),
        ("audio/mp3", "text/html", False),
        ("audio/mp3", "application/xml", False),
        ("audio/mp3", "application/json", False),
        ("text/html", "text/html", True),
    ],
)
def test_a_page_in_place_of_a_file_is_not_the_file(named: str, served: str, is_same: bool) -> None:
    assert is_same_type(named, served) is is_same


def test_a_type_has_no_parameters() -> None:
    assert type_of(" Text/HTML; charset=utf-8") == "text/html"
    assert type_of(None) == type_of(7) == ""


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"url": 7}, {"url": ""}, {"id": "rec_2", "url": "https://files.example.com/1"}]
)
def test_an_answer_about_something_else_names_no_file(body: object) -> None:
    assert Named.of(body, "rec_1") is None


def test_an_answer_names_what_it_names() -> None:
    found = Named.of({"id": "rec_1", "url": "https://x", "content_type": "Audio/MP3", "format": "MP3"}, "rec_1")
    assert found == Named("https://x", "audio/mp3", "mp3")
    odd = {"url": "https://x", "content_type": 7, "format": [], "size": -1, "duration": "long"}
    assert Named.of(odd, "rec_1") == Named("https://x", "", "")
    assert Named.of({"url": "https://x", "size": 9, "duration": 3}, "rec_1") == Named("https://x", "", "", 9, 3.0)
