"""The demo comes out as described, from any folder; the sample company has invented data only."""

from __future__ import annotations

import csv
import re
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from syncd.cli import main
from syncd.config import load
from syncd.core.schema import parse_fields
from syncd.demo import calls, contacts, play
from syncd.errors import ConfigError
from syncd.read.contact_mapping import contact_mapping
from syncd.sandbox.company import FIELDS
from tests.worlds.commands import environment
from tests.worlds.logs import logging_restored
from tests.worlds.patience import PATIENCE

ROOT = Path(play.__file__).parent.parent.parent
SAMPLE = ROOT / "config" / "samples" / "tenants.csv"
FICTITIOUS = re.compile(r"\D*(1\D*)?(\d{3}\D*)?555\D*(\d{4,5}|RENT)\D*(x12|ext\. 4|#310|\(wife\))?")
"""Numbers of the exchange 555, which belong to nobody."""
ABROAD = ("+44 20 7946 0", "020 7946 0", "+44 1632 960", "+33 1 99 00 ", "+61 2 5550 ")
"""Ranges that other countries reserve for films and books."""


@dataclass(frozen=True)
class Played:
    """What a demo returned, printed and left behind."""

    code: int
    out: str
    err: str
    left: list[Path]


def play_in(folder: Path) -> Played:
    """Run the demo in an empty working folder, with a folder for temporary files beside it."""
    out, err = StringIO(), StringIO()
    for name in ("here", "temporary"):
        (folder / name).mkdir()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder / "here")
        patch.setattr(tempfile, "tempdir", str(folder / "temporary"))
        with logging_restored():
            code = play.run_demo(main)
    left = [path for path in folder.rglob("*") if path.name not in {"here", "temporary"}]
    return Played(code, out.getvalue(), err.getvalue(), left)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The result of the demo, which runs once for all tests that only read the result."""
    return play_in(tmp_path_factory.mktemp("demo"))


def rows() -> list[list[str]]:
    return list(csv.reader(StringIO(SAMPLE.read_text(encoding="utf-8"))))


def test_the_demo_comes_out_as_it_says(played: Played) -> None:
    assert (played.code, played.err) == (0, "")
    assert re.findall(r"^\d+\. .*", played.out, re.MULTILINE) == [
        "1. Look first",
        "2. Push",
        "3. Edit the export",
        "4. Run again",
        "5. The export goes wrong",
        "6. Somebody calls",
        "7. Prove that none is missing",
        "8. Follow one call",
        "9. Put the call on her timeline",
        "10. Deliver again",
    ]
    day, call = r"\d{4}-\d\d-\d\d", r"[0-9a-f-]{36}"
    commands = ["run --dry-run", *["run"] * 4, "receive &", "webhook create", "activity run"]
    commands += [f"activity pull --days {day}", "activity days", f"activity explain {call}"]
    commands += ["activity prepare crm", "activity deliver --dry-run", *["activity deliver"] * 2]
    shown = re.findall(r"^\$ syncd (.*)", played.out, re.MULTILINE)
    assert len(shown) == len(commands)
    assert all(map(re.fullmatch, commands, shown))


def test_the_demo_shows_field_by_field_what_differs(played: Played) -> None:
    _, _, edit = played.out.partition("3. Edit the export")
    assert re.search(r"update 100217 .*\n +Phone .*2125550230", edit)
    assert re.search(r"create 100310 ", edit)
    assert re.search(r"delete 100231 ", edit)


def test_the_demo_shows_the_gate_and_what_would_open_it(played: Played) -> None:
    assert re.search(r"held: \d+ deletes \(deletes\.empty\)", played.out)
    assert re.search(r"syncd approve tenants [0-9a-f]{16}", played.out)


def test_the_demo_shows_a_call_its_webhook_its_proof_and_its_recording(played: Played) -> None:
    _, _, back = played.out.partition("6. Somebody calls")
    assert re.search(r"calls +2 +proved .* 1$", back, re.MULTILINE)
    for said in (r"5855550142 \(Gloria Hathaway\)", r"^events +call\.ended, .*, merged", r"^media +rec_\d+, .* kept"):
        assert re.search(said, back, re.MULTILINE), said
    assert re.search(r"^day +\S+: proved .* 2 in the list", back, re.MULTILINE)


def test_the_demo_puts_the_call_on_a_timeline_and_into_a_file_once(played: Played) -> None:
    _, _, timeline = played.out.partition("9. Put the call on her timeline")
    assert "crm: 2 created" in timeline
    _, _, again = timeline.partition("10. Deliver again")
    assert re.findall(r"^(crm|lake): nothing to do", again, re.MULTILINE) == ["crm", "lake"]


def test_the_receiver_of_the_demo_ends_with_it(played: Played) -> None:
    found = re.search(r"listen: 127\.0\.0\.1:(\d+)", played.out)
    assert found
    with socket.socket() as knock:
        assert knock.connect_ex(("127.0.0.1", int(found[1]))) != 0


def test_a_demo_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    variables = {**environment(), "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    line = [sys.executable, "-P", "-m", "syncd", "demo"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables) as demo:
        assert demo.stdout
        port = ""
        for said in demo.stdout:
            port = (re.search(r"listen: 127\.0\.0\.1:(\d+)", said) or [port, port])[1]
            if said.startswith("$ syncd receive"):
                break
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 130
    assert list(tmp_path.iterdir()) == []
    with socket.socket() as knock:
        assert knock.connect_ex(("127.0.0.1", int(port))) != 0


def test_a_receiver_that_does_not_start_fails_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CONFIGURATION", calls.CONFIGURATION.replace("listen:", "listens:"))
    played = play_in(tmp_path)
    assert played.code == 1
    assert "activity.receive.listens: is not a key here" in played.err
    assert played.left == []


def test_a_call_that_does_not_come_out_fails_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "SUMMARY", "")
    played = play_in(tmp_path)
    assert played.code == 1
    assert "the summary: " in played.err
    assert played.left == []


def test_the_demo_says_what_to_do_next(played: Played) -> None:
    _, _, following = played.out.partition("With your own export")
    copied = re.search(r"cp -r (\S+) my-company", following)
    assert copied
    assert (Path(copied[1]) / "syncd.yaml").is_file()
    for command in ("VOCATECH_API_KEY", "syncd check", "syncd run --dry-run"):
        assert command in following


def test_the_demo_is_plain_text_where_nobody_watches(played: Played) -> None:
    assert "\x1b" not in played.out


def test_the_demo_leaves_nothing_behind(played: Played) -> None:
    assert played.left == []


def test_a_step_that_does_not_come_out_fails_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "WANTED", contacts.WANTED - 1)
    played = play_in(tmp_path)
    assert played.code == 1
    assert "tenants in the phone system: 284 instead of 283" in played.err
    assert played.left == []


def test_an_installation_without_the_sample_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "__file__", str(tmp_path / "syncd" / "demo" / "play.py"))
    with pytest.raises(ConfigError, match="install syncd again"):
        play.run_demo(main)


def test_what_is_installed_goes_before_what_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("config", "syncd/_config"):
        (tmp_path / folder / "samples").mkdir(parents=True)
        (tmp_path / folder / "samples" / "tenants.csv").touch()
    monkeypatch.setattr(play, "__file__", str(tmp_path / "syncd" / "demo" / "play.py"))
    assert play.shipped() == tmp_path / "syncd" / "_config"


def test_the_wheel_holds_the_configuration_and_the_sample(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if name.startswith("syncd/_config/")}
        assert names >= {
            "syncd/_config/syncd.yaml",
            "syncd/_config/sources/tenants.yaml",
            "syncd/_config/samples/tenants.csv",
        }
        assert content.read("syncd/_config/samples/tenants.csv") == SAMPLE.read_bytes()


def test_the_example_configuration_fits_the_sample() -> None:
    settings = load(ROOT / "config" / "syncd.yaml", {"VOCATECH_API_KEY": "test-key"})
    source = settings.sources["tenants"]
    columns = source.connect().check()
    assert columns == rows()[0]
    assert "Phone" in contact_mapping(source, columns, parse_fields({"fields": list(FIELDS)})).fields


def test_the_sample_has_a_few_problems_of_each_kind() -> None:
    header, *tenants = rows()
    whole = [dict(zip(header, tenant, strict=True)) for tenant in tenants if len(tenant) == len(header)]
    keys = Counter(tenant["tenant_id"].strip() for tenant in whole)
    cells = Counter(cell for tenant in whole for cell in tenant.values())
    text = SAMPLE.read_text(encoding="utf-8")
    assert 290 <= len(tenants) <= 320
    assert len(tenants) - len(whole) == 1
    assert keys[""] == 1
    assert [key for key, count in keys.items() if count > 1] == ["100107"]
    assert 5 <= cells["former"] <= 20
    for sign in ("O'Brien", "José", "(212) 555-0212 x12", "ext. 4", "; 917", "n/a", "RENT", '"Maple & Third,\n', "  "):
        assert sign in text, sign


def test_nothing_in_the_sample_is_anybodys() -> None:
    header, *tenants = rows()
    for tenant in tenants:
        assert all(cell.strip().lower().endswith("@example.com") for cell in tenant if "@" in cell)
        for cell in tenant[6:9] if len(tenant) == len(header) else tenant[5:6]:
            for number in re.split(r"[;/,]", cell):
                known = number.strip().startswith(ABROAD) or FICTITIOUS.fullmatch(number.strip())
                assert known or not re.search(r"\d", number), number
