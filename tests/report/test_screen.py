"""Reports as people read them, on a terminal and in a pipe."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from syncd.errors import SourceUnavailable
from syncd.report.run_screen import show_run
from syncd.report.screen import Screen
from syncd.report.source_report import SourceReport
from syncd.run.progress import _Waits
from tests.worlds.world import World

PEOPLE = [(f"{number}", f"Person {number}", f"212555{number:04}") for number in range(1, 41)]


def shown(*reports: SourceReport, dry_run: bool = True) -> str:
    file = io.StringIO()
    show_run(Screen(file), reports, dry_run=dry_run)
    return file.getvalue()


def test_a_dry_run_says_what_would_be_done_and_that_nothing_was(world: World) -> None:
    world.write(PEOPLE)
    text = shown(world.run(dry_run=True))
    assert "tenants: 40 rows read; 40 to create\n" in text
    assert "  create 1  External ID: 1 · Name: Person 1 · Phone: 2125550001\n" in text
    assert "    and 20 more; --changes FILE writes them all\n" in text
    assert "  1 request, about 1 s\n" in text
    assert text.endswith("Nothing was sent: this was a dry run.\n")


def test_a_run_says_what_was_done(world: World) -> None:
    world.write(PEOPLE)
    text = shown(world.run(), dry_run=False)
    assert "40 created" in text
    assert re.search(r"Done: 40 changes accepted, in \d requests\.\n$", text)


def test_an_update_is_shown_field_by_field(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    world.write([("1", "Renamed", "2125550001;2125559999"), *PEOPLE[1:]])
    text = shown(world.run(dry_run=True))
    assert "1 to update, 39 unchanged" in text
    assert "      Name   Person 1 → Renamed\n" in text
    assert "      Phone  +2125559999 (as before: 2125550001)\n" in text


def test_an_unchanged_source_is_one_line(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    [line, _summary] = shown(world.run(), dry_run=False).splitlines()
    assert line == "tenants: 40 rows, the same as in the last run; nothing to do"


def test_an_empty_source_is_called_empty(world: World) -> None:
    world.write([])
    assert "tenants: the source is empty; nothing to do" in shown(world.run(dry_run=True))


def test_held_changes_come_with_their_numbers_and_the_command_that_lets_them_go(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    world.write(PEOPLE[:20])
    report = world.run(dry_run=True)
    text = shown(report)
    assert "held: 20 deletes (deletes.share): 20 of 40 contacts (50 %) would be deleted; 20 % is allowed" in text
    assert f"    to let exactly these go on: syncd approve tenants {report.held[0].digest}\n" in text
    assert text.endswith("Nothing was sent: this was a dry run; 20 changes held.\n")


def test_one_list_that_two_gates_hold_has_one_command(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    world.write([*PEOPLE[:20], ("", "No key", "")])
    text = shown(world.run(dry_run=True))
    assert text.count("held: 20 deletes") == 2
    assert text.count("syncd approve tenants") == 1


def test_each_list_that_waits_has_its_command_below_it(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    world.write([(key, f"{name}!", phone) for key, name, phone in PEOPLE[:30]])
    report = world.run(dry_run=True)
    lines = [line.strip() for line in shown(report).splitlines()]
    assert {each.gate for each in report.held} == {"updates.share", "deletes.share"}
    for each in report.held:
        place = next(number for number, line in enumerate(lines) if f"({each.gate})" in line)
        assert lines[place + 1] == f"to let exactly these go on: syncd approve tenants {each.digest}"


def test_an_invalid_row_is_shown_with_its_place_and_reason(world: World) -> None:
    world.write([*PEOPLE, ("", "No key", "")])
    assert "    tenants.csv:42: no key\n" in shown(world.run(dry_run=True))


def test_a_run_in_earnest_shows_fewer_changes_than_a_dry_run(world: World) -> None:
    world.write(PEOPLE)
    before, after = shown(world.run(dry_run=True)), shown(world.run())
    assert (before.count("  create "), after.count("  create ")) == (20, 5)
    assert "    and 35 more; --changes FILE writes them all\n" in after


def test_an_invalid_row_whose_key_cannot_be_told_says_so(world: World) -> None:
    world.write(PEOPLE)
    with (world.folder / "tenants.csv").open("a") as file:
        file.write("41,cut off\n")
    assert "    tenants.csv:42, no key: 2 fields where the header has 3" in shown(world.run(dry_run=True))


def test_excluded_rows_are_counted_by_reason(world: World) -> None:
    world.sources["tenants"]["where"] = "name <> 'Person 7'"
    world.write(PEOPLE)
    assert "    1: where: name <> 'Person 7'\n" in shown(world.run(dry_run=True))


def test_a_page_of_changes_has_some_of_every_kind(world: World) -> None:
    world.sources["tenants"]["deletes"] = {"at_most": {"share": "100%"}}
    world.write(PEOPLE)
    world.run()
    new = [(f"{number}", "New", "") for number in range(100, 160)]
    world.write([*new, ("40", "Renamed", "")])
    text = shown(world.run(dry_run=True))
    assert (text.count("  create "), text.count("  update "), text.count("  delete ")) == (10, 1, 9)
    assert "and 80 more" in text


def test_a_source_that_failed_says_why_and_the_last_line_counts_it() -> None:
    report = SourceReport("tenants", error=SourceUnavailable("tenants.csv: there is no such file"))
    text = shown(report, dry_run=False)
    assert "tenants: failed before it was read\n  error: tenants.csv: there is no such file\n" in text
    assert text.endswith("Nothing was done; 1 source of 1 failed.\n")


def test_changes_that_did_not_come_through_are_not_told_as_done(world: World) -> None:
    world.write(PEOPLE)
    world.run()
    world.write([("1", "Renamed", ""), *PEOPLE[1:]])
    report = world.run(dry_run=True)
    report.dry_run = False
    report.counts.clear()
    report.unknown = 1
    text = shown(report, dry_run=False)
    assert "of 1 planned change, 0 are done" in text
    assert "1 with an unknown outcome, sent again by the next run" in text


def test_rejected_altered_and_warned_of_contacts_are_shown() -> None:
    report = SourceReport("tenants", read="complete", rows=3, phones=frozenset({"Phone"}))
    report.rejected = [{"key": "7", "reason": "Phone: too long"}]
    report.altered = [{"key": "8", "id": 12, "fields": {"Name": {"old": "ADA", "new": "Ada"}}}]
    report.warnings = [f"tenants.csv:{line}: Phone: too short" for line in range(2, 32)]
    report.counts.update(rejected=1)
    text = shown(report, dry_run=False)
    assert "    key 7: Phone: too long\n" in text
    assert "altered 8 (id 12)\n        Name  sent ADA → there Ada\n" in text
    assert text.count("  warning: ") == 20
    assert "    and 10 more warnings; --json holds them all\n" in text


def test_a_pipe_gets_no_colours_no_line_breaks_and_no_trailing_spaces(world: World) -> None:
    world.write([("1", "Person " + "x" * 110, "2125550001")])
    text = shown(world.run(dry_run=True))
    assert "\x1b" not in text
    assert "x" * 110 in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_terminal_gets_colours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    world.write(PEOPLE)
    file = io.StringIO()
    show_run(Screen(file, terminal=True), [world.run(dry_run=True)], dry_run=True)
    assert "\x1b[32mcreate" in file.getvalue()


@pytest.mark.parametrize("name", ["[bold]x[/bold]", "[/]", "a\x1b[31mb", "a\x9b31mb", "a\u202eb", "a\rb", ":smile:"])
def test_data_is_never_markup_and_steers_no_terminal(name: str) -> None:
    file = io.StringIO()
    Screen(file).line(name)
    written = file.getvalue().removesuffix("\n")
    assert written.isprintable()
    assert written.replace("\\x1b", "").replace("\\x9b", "").replace("\\u202e", "").replace("\\r", "") == re.sub(
        "[\x1b\x9b\u202e\r]", "", name
    )


def test_a_table_stands_in_columns_with_numbers_at_the_right() -> None:
    file = io.StringIO()
    Screen(file).table(("source", "contacts"), [("tenants", "1,234"), ("staff", "5")])
    assert file.getvalue() == "source   contacts\ntenants     1,234\nstaff           5\n"


@pytest.mark.parametrize("width", [24, 40, 60, 80])
def test_a_narrow_terminal_breaks_lines_between_words_and_makes_a_list_of_a_wide_table(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", f"{width}")
    out = io.StringIO()
    screen = Screen(out, terminal=True)
    words = [f"word{number}" for number in range(40)]
    screen.line(("create", "green"), " ", " ".join(words), indent=2, hanging=6)
    screen.table(["source", *words[:20]], [["tenants", *words[20:]]])
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert [word for word in text.replace("·", "").split() if word.startswith("word")] == [
        *words,
        *(word for pair in zip(words[:20], words[20:], strict=True) for word in pair),
    ]
    assert max(map(len, text.splitlines())) <= max(width, 26)
    assert text.startswith("  create word0")
    assert text.splitlines()[1].startswith("      word")


def test_a_wait_is_one_line_of_a_narrow_terminal() -> None:
    out = io.StringIO()
    waits = _Waits()
    waits.until = time.monotonic() + 3600
    console = Console(file=out, width=40)
    progress = Progress(TextColumn("{task.description}"), waits, console=console, disable=True)
    progress.add_task("tenants: changes pushed", total=10)
    console.print(progress)
    assert out.getvalue().count("\n") == 1
    assert "waiting" in out.getvalue()
