"""The documents say what is there: every command, every key of the configuration, every exit code."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import typer.main

from syncd.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLES = "".join(path.read_text() for path in sorted((ROOT / "config").rglob("*.yaml")))


def commands() -> list[str]:
    found = []
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [f"{name} {sub}" for sub in inner] if inner else [name]
    return found


def test_the_readme_names_every_command() -> None:
    assert len(commands()) >= 9
    assert [name for name in commands() if f"syncd {name}" not in README] == []


def test_the_readme_names_no_command_that_is_not_there() -> None:
    named = set(re.findall(r"`syncd ([a-z]+)", README))
    assert named <= {name.split()[0] for name in commands()}


def test_the_readme_names_every_option_of_run() -> None:
    run = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    options = [option for each in run.params for option in each.opts if option.startswith("--")]
    assert [option for option in options if option not in README] == []


def test_the_examples_and_the_readme_name_every_key_of_a_source() -> None:
    from syncd.config import json_schema

    schema = json_schema()
    keys = {key for part in schema["$defs"].values() for key in part.get("properties", {})}
    assert {"connector", "where", "canaries", "shared_match"} <= keys
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", EXAMPLES + README)] == []


def test_the_first_configuration_of_the_readme_loads(tmp_path: Path) -> None:
    from syncd.config import load

    [block] = re.findall(r"   ```yaml\n(.*?)   ```", README, re.DOTALL)
    path = tmp_path / "syncd.yaml"
    path.write_text(textwrap.dedent(block))
    settings = load(path, {"VOCATECH_API_KEY": "k-5550100"})
    assert list(settings.sources["tenants"].rules.mapping) == ["External ID", "Contact", "Phone"]


def test_every_exit_code_is_in_the_readme() -> None:
    from syncd.commands.run import CHANGES
    from syncd.report.endings import BROKEN_OFF
    from syncd.report.source_report import SEVERITY

    told = README[README.index("Exit codes:") :].partition("\n\n")[0]
    assert [code for code in (*SEVERITY, CHANGES, BROKEN_OFF) if not re.search(rf"\b{code}\b", told)] == []


def test_every_link_in_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_nothing_refers_to_where_it_was_made() -> None:
    patterns = re.compile("/" + r"(work|root|tmp/exp)/")
    tracked = [path for folder in ("syncd", "connectors", "config") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in [*tracked, ROOT / "README.md"] if patterns.search(path.read_text())] == []
