"""``syncd run --dry-run --plan`` and ``syncd apply``: which plans are refused, and then nothing is made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worlds.commands import PEOPLE, Command, errors
from tests.worlds.world import World


@pytest.fixture
def plan(company: World, syncd: Command) -> Path:
    """A plan that creates forty contacts; one other contact is at the target."""
    company.write([("99", "Somebody", "2125550999")])
    assert syncd("run")[0] == 0
    company.sources["tenants"]["deletes"] = {"at_most": {"share": "100%"}}
    company.settings()
    company.write(PEOPLE)
    assert syncd("run", "--dry-run", "--plan", "the.plan")[0] == 0
    return company.folder / "the.plan"


def refusal(syncd: Command, company: World, *options: str) -> str:
    """Apply the plan, which is refused; return the reason."""
    writes = company.writes()
    code, _, err = syncd("apply", "the.plan", *options)
    assert (code, company.writes()) == (2, writes)
    return errors(err)[0]


def test_a_plan_is_of_a_dry_run(company: World, syncd: Command) -> None:
    code, _, err = syncd("run", "--plan", "the.plan")
    assert (code, errors(err)) == (2, ["--plan writes the plan of a dry run: add --dry-run"])
    assert not (company.folder / "the.plan").exists()
    assert company.writes() == 0


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere/the.plan", "there is no folder"),
        (".", "this is a folder"),
        ("tenants.csv", "the source tenants reads this file"),
        ("syncd.yaml", "this is the configuration"),
        ("letter.txt", "this file is there already, and no plan"),
    ],
)
def test_a_plan_takes_the_place_of_a_plan_alone(company: World, syncd: Command, place: str, said: str) -> None:
    (company.folder / "letter.txt").write_text("Dear Ann\n")
    code, _, err = syncd("run", "--dry-run", "--plan", place)
    assert code == 2
    assert said in errors(err)[0]
    assert (company.folder / "letter.txt").read_text() == "Dear Ann\n"
    assert company.sandbox.requests == []


def test_an_older_plan_is_replaced_whole_and_is_its_owners_alone(company: World, syncd: Command, plan: Path) -> None:
    before = plan.read_bytes()
    plan.chmod(0o644)
    company.write(PEOPLE[:3])
    assert syncd("run", "--dry-run", "--plan", "the.plan")[0] == 0
    assert plan.read_bytes() != before
    assert plan.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in company.folder.iterdir() if path.name.startswith(".syncd-")] == []


def test_a_dry_run_that_fails_writes_no_plan(company: World, syncd: Command) -> None:
    (company.folder / "tenants.csv").unlink()
    assert syncd("run", "--dry-run", "--plan", "the.plan")[0] == 4
    assert not (company.folder / "the.plan").exists()


def test_a_plan_is_applied_once(company: World, syncd: Command, plan: Path) -> None:
    copy = company.folder / "copy.plan"
    copy.write_bytes(plan.read_bytes())
    assert syncd("apply", "the.plan")[0] == 0
    assert "has applied this plan already" in refusal(syncd, company)
    copy.rename(plan)
    assert "has applied this plan already" in refusal(syncd, company)


def test_a_plan_that_ended_with_3_is_not_applied_again(company: World, syncd: Command, plan: Path) -> None:
    company.write(PEOPLE[1:])
    assert syncd("apply", "the.plan")[0] == 3
    company.write(PEOPLE)
    assert "has applied this plan already" in refusal(syncd, company)


def test_a_plan_gets_too_old(company: World, syncd: Command, plan: Path) -> None:
    assert "older than --max-age" in refusal(syncd, company, "--max-age", "0s")
    assert "is not a duration" in refusal(syncd, company, "--max-age", "long")
    assert syncd("apply", "the.plan", "--max-age", "1h")[0] == 0


def test_a_plan_of_another_state_file_is_refused(company: World, syncd: Command, plan: Path) -> None:
    state = company.folder / "syncd.db"
    state.rename(company.folder / "backup.db")
    assert "made with another state file" in refusal(syncd, company)
    assert not state.exists()
    # A new state file for the same company is another one, too.
    company.write([("99", "Somebody", "2125550999")])
    assert syncd("run")[0] == 0
    assert "made with another state file" in refusal(syncd, company)
    company.write(PEOPLE)
    (company.folder / "backup.db").replace(state)
    for beside in company.folder.glob("syncd.db-*"):
        beside.unlink()
    assert syncd("apply", "the.plan")[0] == 0


def test_a_plan_without_a_state_is_not_for_one_that_was_there(company: World, syncd: Command) -> None:
    state, aside = company.folder / "syncd.db", company.folder / "aside.db"
    assert syncd("run")[0] == 0
    state.rename(aside)
    assert syncd("run", "--dry-run", "--plan", "the.plan")[0] == 0
    aside.rename(state)
    assert "made with another state file" in refusal(syncd, company)


def cut(text: bytes) -> bytes:
    return text[: len(text) // 2]


def without_last_line(text: bytes) -> bytes:
    return text[: text.rindex(b"\n", 0, -1) + 1]


def edited(text: bytes) -> bytes:
    return text.replace(b"Person 7", b"Person 8")


def newer(text: bytes) -> bytes:
    return text.replace(b'"syncd_plan": 1', b'"syncd_plan": 2')


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "was cut off or edited"),
        (without_last_line, "was cut off or edited"),
        (edited, "was cut off or edited"),
        (newer, "a newer syncd wrote this plan"),
        (lambda _: b"", "this is no plan"),
        (lambda _: b"{}\n", "this is no plan"),
        (lambda text: text + b"[" * 100_000 + b"\n", "was cut off or edited"),
        (lambda _: b"[" * 100_000, "this is no plan"),
        (lambda _: b"\xff\xfe\x00", "this is no plan"),
    ],
)
def test_a_damaged_plan_is_none(
    company: World, syncd: Command, plan: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    plan.write_bytes(damage(plan.read_bytes()))
    reason = refusal(syncd, company)
    assert said in reason
    assert "Person" not in reason


@pytest.mark.parametrize("place", ["none.plan", "."])
def test_a_file_that_cannot_be_read_is_named(company: World, syncd: Command, place: str) -> None:
    code, _, err = syncd("apply", place)
    assert code == 2
    assert errors(err)[0].startswith(f"{place}: cannot be read")


def test_a_plan_of_another_configuration_is_refused(company: World, syncd: Command, plan: Path) -> None:
    company.sources["tenants"]["mapping"]["Note"] = "name"
    company.settings()
    assert "tenants is configured otherwise since" in refusal(syncd, company)
    company.sources["others"] = company.sources.pop("tenants")
    company.settings()
    assert "tenants, which is not configured any more" in refusal(syncd, company)
    company.target["base_url"] = "http://127.0.0.1:9/v1"
    company.settings()
    assert "names another target" in refusal(syncd, company)


def test_a_refused_plan_is_told_as_json(company: World, syncd: Command, plan: Path) -> None:
    plan.write_bytes(cut(plan.read_bytes()))
    code, out, _ = syncd("apply", "the.plan", "--json")
    found = json.loads(out)
    assert (code, found["exit"], found["sources"], found["error"]["kind"]) == (2, 2, [], "ConfigError")


def test_the_plan_of_a_run_by_another_process_goes_first(company: World, syncd: Command, plan: Path) -> None:
    with company.state() as state:
        digest = json.loads(plan.read_bytes().splitlines()[-1])["sha256"]
        state.leases.take(f"plan {digest[:12]}", f"here:{os.getppid()}:1", 60.0)
    writes = company.writes()
    assert syncd("apply", "the.plan")[0] == 5
    assert company.writes() == writes
    with company.state() as state:
        state.leases.release(f"plan {digest[:12]}", f"here:{os.getppid()}:1")
    assert syncd("apply", "the.plan")[0] == 0


def test_nothing_of_a_plan_is_logged(company: World, syncd: Command, plan: Path) -> None:
    company.write(PEOPLE[1:])
    err = syncd("apply", "the.plan")[2]
    assert "Person" not in err
    assert "212555" not in err
