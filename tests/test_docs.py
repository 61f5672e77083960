"""The documents are true: they name every command, option, key and exit code, and every link leads somewhere."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from syncd.cli import app
from syncd.config import json_schema, load
from syncd.report.exit_code import SEVERITY
from syncd.source import connector_class, connector_names

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in [README, *sorted(ROOT.glob("docs/**/*.md"))]}
DOCS = "\n".join(text for name, text in PAGES.items() if name != "README.md")

EXIT_CODES = sorted(SEVERITY)

FENCE = re.compile(r"^( *)(`{3,})([^\n`]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
FOLDERS = ("bench", "config", "connectors", "deploy", "docs", "syncd", "tests")
MAPPING = {"External ID": "id", "Contact": "name", "Phone": "phone"}
ADDRESS = "https://example.com/5550100"
"""What every variable of an example is filled with: it passes for a key and for an address."""
SIGNING_SECRET = "whsec_c3luY2Qtc3luY2Qtc3luY2Qtc3luY2Qt"


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language, without their indent."""
    return [textwrap.dedent(body) for _, _, kind, body in FENCE.findall(text) if kind == language]


def prose(text: str) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """What stands in backticks in a page's prose, on one line each."""
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(text))]


# Commands


def tree() -> dict[str, set[str]]:
    """Every command as it is written after ``syncd``, and its options."""
    found: dict[str, set[str]] = {}
    top: Any = typer.main.get_command(app)
    everywhere = options_of(top)
    for name, command in top.commands.items():
        found[name] = options_of(command) | everywhere
        for sub, inner in getattr(command, "commands", {}).items():
            found[f"{name} {sub}"] = options_of(inner) | found[name]
    return found


def options_of(command: Any) -> set[str]:
    return {option for each in command.params for option in each.opts if option.startswith("--")} | {"--help"}


def called(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each ``syncd …`` that a page shows, without the program's name; then the words of the call."""
    shown = [
        *spans(text),
        *(line for kind in ("console", "sh") for block in blocks(text, kind) for line in calls(block)),
    ]
    for line in shown:
        for part in re.split(r"\|\||&&|[|;>]|#", line):
            if found := re.match(r"\s*(?:\S+=\S+\s+)*(?:.*exec syncd |.*/)?syncd(?:-at \w+)?\s+(.*)", part):
                yield part, found[1].split()


def calls(block: str) -> list[str]:
    """The lines that a person types: in a console those behind a prompt, in a script all."""
    typed = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    return typed or block.splitlines()


EVERYWHERE = options_of(typer.main.get_command(app))
"""The options of ``syncd`` itself; those that a command takes as well are told once."""


def test_the_documents_name_every_command() -> None:
    assert len(tree()) >= 18
    assert [name for name in tree() if not re.search(rf"\bsyncd {name}\b", DOCS)] == []


def test_the_documents_name_every_option_of_every_command() -> None:
    page = PAGES["docs/reference/commands.md"]
    sections = {each.split("`")[0].split()[0]: each for each in page.split("\n## `syncd ")[1:]}
    own = {(command, option) for command, options in tree().items() for option in options - EVERYWHERE}
    assert {("run", "--dry-run"), ("rejects list", "--json"), ("undo", "--approve")} <= own
    assert [each for each in sorted(own) if not is_named(each[1], sections[each[0].split()[0]])] == []
    assert [option for option in sorted(EVERYWHERE) if not is_named(option, DOCS)] == []


def is_named(option: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){option}(?![\w-])", text) is not None


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_only_commands_and_options_that_there_are(page: str) -> None:
    commands = tree()
    wrong = []
    for line, words in called(PAGES[page]):
        path = [word for word in words if re.fullmatch(r"[a-z]+", word)]
        name = next((name for name in (" ".join(path[:2]), *path[:1]) if name in commands), None)
        if name is None and path[:1] == words[:1] and path:
            wrong.append(line)
        named = {word.partition("=")[0].rstrip("`.,;)") for word in words if re.match(r"--[a-z]", word)}
        allowed = commands[name] if name else set().union(*commands.values()) | {"--version"}
        wrong += [f"{line}: {option}" for option in named - allowed]
    assert wrong == []


def test_the_documents_name_every_exit_code() -> None:
    page = PAGES["docs/reference/exit-codes.md"]
    assert {0, 1, 2, 3, 4, 5, 10, 130} <= set(EXIT_CODES)
    assert [code for code in EXIT_CODES if not re.search(rf"(?<!\d){code}(?!\d)", page)] == []


# The configuration


def test_the_documents_name_every_key_of_the_configuration() -> None:
    keys = {key for part in json_schema()["$defs"].values() for key in part.get("properties", {})}
    assert {"connector", "where", "canaries", "shared_match", "settle", "overlap"} <= keys
    assert [key for key in sorted(keys) if not re.search(rf"(?<!\w){re.escape(key)}(?!\w)", DOCS)] == []


def completed(example: Mapping[str, Any]) -> dict[str, Any] | None:
    """A whole configuration around ``example``; None if it is of something else, such as a compose file."""
    forms = json_schema()["$defs"]
    target = {"api_key": "k"}
    source = {"connector": "csv", "options": {"path": "tenants.csv"}, "key": "id", "mapping": MAPPING}
    if example.keys() <= forms["SettingsForm"]["properties"].keys():
        given = example.get("sources", {} if "include" in example else {"tenants": source})
        # A page may show one key of a source in its place.
        sources = {name: each if "connector" in each else {**source, **each} for name, each in given.items()}
        return {"target": target, **example, **({"sources": sources} if sources else {})}
    if example.keys() <= forms["SourceForm"]["properties"].keys():
        whole = {**source, "connector": connector_of(example.get("options", source["options"])), **example}
        return {"target": target, "sources": {"tenants": whole}}
    return None


def connector_of(options: Mapping[str, Any]) -> str:
    """The connector that has all these options."""
    return next(
        name
        for name in sorted(connector_names())
        if options.keys() <= connector_class(name).OPTIONS.model_fields.keys()
    )


EXAMPLES = [(page, place, text) for page in PAGES for place, text in enumerate(blocks(PAGES[page], "yaml"))]


@pytest.mark.parametrize(("page", "place", "text"), EXAMPLES, ids=[f"{page}-{place}" for page, place, _ in EXAMPLES])
def test_an_example_configuration_loads(page: str, place: int, text: str, tmp_path: Path) -> None:
    text = re.sub(r"\$\{(file|credential):[^}]*\}", "${FILLED}", text)
    example = yaml.safe_load(text)
    whole = completed(example) if isinstance(example, dict) else None
    if whole is None:
        assert not {"target", "connector", "mapping"} & set(example)
        return
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "staff.yaml").write_text(
        yaml.safe_dump({"connector": "csv", "options": {"path": "s.csv"}, "key": "id", "mapping": {"Contact": "name"}})
    )
    path = tmp_path / "syncd.yaml"
    path.write_text(text if whole == example else yaml.safe_dump(whole))
    names = re.findall(r"\$\{(\w+)\}", text)
    environ = {name: SIGNING_SECRET if name.endswith("SIGNING_SECRET") else ADDRESS for name in names}
    assert load(path, environ).sources


def test_the_first_configuration_of_the_readme_is_whole(tmp_path: Path) -> None:
    [block] = blocks(PAGES["README.md"], "yaml")
    path = tmp_path / "syncd.yaml"
    path.write_text(block)
    settings = load(path, {"VOCATECH_API_KEY": "k-5550100"})
    assert list(settings.sources["tenants"].rules.mapping) == ["External ID", "Contact", "Phone"]


# Headings and tables


@pytest.mark.parametrize("page", PAGES)
def test_every_heading_stands_after_an_empty_line(page: str) -> None:
    assert re.findall(r"(?<!\A)(?<!\n)\n(#{1,6} [^\n]*)", FENCE.sub("```", PAGES[page])) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/reference/")])
def test_no_section_of_the_reference_comes_twice_and_no_option_stands_twice_in_one(page: str) -> None:
    heads, *parts = re.split(r"^(?=#{2,3} )", prose(PAGES[page]), flags=re.MULTILINE)
    options = [Counter(re.findall(r"^\| `(--[\w-]+)[^|]*\|", part, re.MULTILINE)) for part in [heads, *parts]]
    assert [name for found in options for name, count in found.items() if count > 1] == []
    sections = Counter(part.partition("\n")[0] for part in parts if part.startswith("## "))
    assert [name for name, count in sections.items() if count > 1] == []


# Links and paths


def anchors(text: str) -> set[str]:
    """The names of a page's headings, as GitHub and MyST give them."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#{1,6} +(.*?) *$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def links(text: str) -> list[str]:
    """Where the links of a page lead, within these documents."""
    found = re.findall(r"\]\(([^()\s]+)\)", re.sub(r"(?<!`)`[^`\n]+`(?!`)", "", prose(text)))
    listed = [line.strip() for block in blocks(text, "{toctree}") for line in block.splitlines()]
    entries = [line for line in listed if line and not line.startswith(":")]
    return [link for link in found if not re.match(r"[a-z]+:", link)] + [f"{entry}.md" for entry in entries]


def is_broken(page: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    if not target.resolve().is_relative_to(ROOT) or not target.exists():
        return True
    return bool(anchor) and (target.suffix != ".md" or anchor not in anchors(target.read_text()))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    assert [link for link in links(PAGES[page]) if is_broken(page, link)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    named = [span for span in spans(PAGES[page]) if re.fullmatch(rf"({'|'.join(FOLDERS)})/[\w./@*-]*", span)]
    assert [name for name in named if not list(ROOT.glob(name.rstrip("/")))] == []


def test_every_page_is_in_the_table_of_contents() -> None:
    trees = [(name, block) for name, text in PAGES.items() for block in blocks(text, "{toctree}")]
    listed = {
        ((ROOT / name).parent / line.strip()).with_suffix(".md").relative_to(ROOT).as_posix()
        for name, block in trees
        for line in block.splitlines()
        if line.strip() and not line.startswith(":")
    }
    assert set(PAGES) - {"README.md", "docs/index.md"} == listed


# The README, and what no page says


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 180


def test_nothing_refers_to_where_it_was_made() -> None:
    patterns = re.compile("/" + r"(work|root|tmp/exp)/")
    tracked = [path for folder in ("syncd", "connectors", "config", "docs") for path in (ROOT / folder).rglob("*.py")]
    texts = {path.name: path.read_text() for path in tracked} | PAGES
    assert [name for name, text in texts.items() if patterns.search(text)] == []


def named_in_code() -> list[tuple[str, str]]:
    """Return every ``module:name`` that a page names, with the page."""
    pattern = re.compile(r"`((?:syncd|connectors)(?:\.\w+)+:[\w.]+)`")
    return [(page, name) for page, text in sorted(PAGES.items()) for name in pattern.findall(text)]


@pytest.mark.parametrize(("page", "name"), named_in_code())
def test_every_function_that_a_page_names_exists(page: str, name: str) -> None:
    module, _, attributes = name.partition(":")
    found: Any = import_module(module)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)


def test_the_pages_name_functions() -> None:
    assert len(named_in_code()) > 40
