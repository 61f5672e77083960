"""``syncd run``: what it prints, which exit code it returns, and which sources it runs."""

from __future__ import annotations

import json
import threading

import pytest

from syncd.errors import SourceUnavailable
from syncd.report.error_text import placed
from syncd.state import State
from tests.worlds.commands import PEOPLE, Command, errors
from tests.worlds.world import World


def test_a_run_exits_0_and_the_target_holds_the_contacts(company: World, syncd: Command) -> None:
    code, out, err = syncd("run")
    assert code == 0
    assert "40 created" in out
    assert not errors(err)
    assert len(company.there()) == 40


def test_a_dry_run_sends_nothing_and_leaves_no_state(company: World, syncd: Command) -> None:
    code, out, _ = syncd("run", "--dry-run")
    assert code == 0
    assert out.endswith("Nothing was sent: this was a dry run.\n")
    assert company.writes() == 0
    assert not (company.folder / "syncd.db").exists()


def test_exit_code_says_whether_a_dry_run_finds_changes(company: World, syncd: Command) -> None:
    assert syncd("run", "--dry-run", "--exit-code")[0] == 10
    syncd("run")
    assert syncd("run", "--dry-run", "--exit-code")[0] == 0
    company.write(PEOPLE[:20])
    assert syncd("run", "--dry-run", "--exit-code")[0] == 10
    assert syncd("run", "--dry-run")[0] == 3


def test_exit_code_does_not_hide_what_is_worse(company: World, syncd: Command) -> None:
    (company.folder / "tenants.csv").unlink()
    assert syncd("run", "--dry-run", "--exit-code")[0] == 4


def test_exit_code_belongs_to_a_dry_run(company: World, syncd: Command) -> None:
    code, _, err = syncd("run", "--exit-code")
    assert code == 2
    assert "add --dry-run" in errors(err)[0]
    assert company.writes() == 0


def test_json_is_one_object_and_nothing_else(company: World, syncd: Command) -> None:
    code, out, err = syncd("run", "--json")
    found = json.loads(out)
    assert (code, found["exit"], found["dry_run"]) == (0, 0, False)
    assert found["sources"][0]["counts"]["create"] == 40
    assert out.count("\n") == 1
    assert '"event": "run ended"' in err


def test_an_unknown_source_exits_2_with_the_nearest_name(company: World, syncd: Command) -> None:
    code, out, err = syncd("run", "tenatns", "--json")
    assert code == 2
    assert errors(err) == ["there is no source 'tenatns' (did you mean 'tenants'?); there are: tenants"]
    found = json.loads(out)
    assert (found["run"], found["exit"], found["sources"]) == (None, 2, [])
    assert found["error"]["kind"] == "ConfigError"


def test_sources_run_in_the_order_of_the_configuration(company: World, syncd: Command) -> None:
    company.sources = {name: {**company.sources["tenants"]} for name in ("zoe", "adam")}
    company.sources["zoe"]["options"] = {"path": "zoe.csv"}
    company.write([("z1", "Zoe", "")], "zoe.csv")
    company.settings()
    _, out, _ = syncd("run", "adam", "zoe", "--json")
    assert [source["source"] for source in json.loads(out)["sources"]] == ["zoe", "adam"]


def test_a_source_that_fails_does_not_stop_the_others(company: World, syncd: Command) -> None:
    company.sources = {"gone": {**company.sources["tenants"], "options": {"path": "gone.csv"}}, **company.sources}
    company.settings()
    code, out, err = syncd("run", "--json")
    found = json.loads(out)
    assert code == found["exit"] == 4
    assert [source.get("error", {}).get("exit") for source in found["sources"]] == [4, None]
    assert found["sources"][1]["counts"]["create"] == 40
    [message] = errors(err)
    assert message.startswith("gone: ")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("crm (example.com) could not be reached", "crm (example.com) could not be reached"),
        ("crm: has no such table", "crm: has no such table"),
        ("crm.csv is empty", "crm: crm.csv is empty"),
    ],
)
def test_an_error_names_its_source_once(message: str, told: str) -> None:
    assert placed("crm", SourceUnavailable(message)) == told


def test_invalid_rows_exit_3(company: World, syncd: Command) -> None:
    company.write([*PEOPLE, ("", "No key", "")])
    code, out, _ = syncd("run")
    assert code == 3
    assert "40 changes accepted" in out
    assert "tenants.csv:42: no key" in out


def test_a_refused_key_exits_3_and_ends_the_command(company: World, syncd: Command) -> None:
    company.target["api_key"] = "another-key"
    company.sources["later"] = company.sources["tenants"]
    company.settings()
    code, out, err = syncd("run", "--json")
    assert code == 3
    assert [source["error"]["kind"] for source in json.loads(out)["sources"]] == ["AccessDenied"]
    [message] = errors(err)
    assert "target.api_key" in message
    assert "another-key" not in out + err
    assert "not run: later\n" in syncd("run")[1]


def test_an_unreachable_target_exits_4_without_a_traceback(company: World, syncd: Command) -> None:
    company.target["base_url"] = "http://127.0.0.1:1/v1"
    company.settings()
    code, _, err = syncd("run")
    assert code == 4
    assert "try again later" in errors(err)[0]
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["run", "run --dry-run", "fields", "check"])
def test_a_wrong_path_in_the_target_s_address_is_a_mistake_of_the_configuration(
    company: World, syncd: Command, command: str
) -> None:
    company.target["base_url"] = f"{company.sandbox.url}/contacts"
    company.settings()
    code, out, err = syncd(*command.split())
    assert code == 2
    assert "no /contacts/fields at the address of Vocatech (status 404): check target.base_url" in out + err


def test_a_source_that_another_run_holds_exits_5(company: World, syncd: Command) -> None:
    with State(company.folder / "syncd.db") as state:
        state.leases.take("tenants", "elsewhere:4711:ab", 60)
    code, out, err = syncd("run", "--json")
    found = json.loads(out)
    assert code == found["exit"] == 5
    assert found["sources"][0]["error"]["kind"] == "SourceBusy"
    assert errors(err) == ["tenants: another run holds it (process 4711); --wait waits until it is done"]
    assert company.writes() == 0


def test_an_unusable_state_file_exits_2_and_nothing_is_sent(company: World, syncd: Command) -> None:
    (company.folder / "syncd.db").write_bytes(b"this is no database, only text" * 100)
    code, out, err = syncd("run", "--json")
    assert code == json.loads(out)["exit"] == 2
    assert "syncd.db" in errors(err)[0]
    assert company.writes() == 0


def test_wait_waits_for_the_other_run_to_end(company: World, syncd: Command) -> None:
    with State(company.folder / "syncd.db") as state:
        state.leases.take("tenants", "elsewhere:4711:ab", 60)
        ending = threading.Timer(0.3, state.leases.release, ("tenants", "elsewhere:4711:ab"))
        ending.start()
        assert syncd("run", "--wait")[0] == 0
        ending.join()
    assert len(company.there()) == 40


def test_full_reads_what_has_not_changed(company: World, syncd: Command) -> None:
    syncd("run")
    assert "the same as in the last run" in syncd("run")[1]
    assert "40 rows read; 40 unchanged" in syncd("run", "--full")[1]
