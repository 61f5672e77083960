"""``syncd demo``: a company's first days with syncd, played in a temporary folder against the sandbox.

Every step is a real command, as the command line runs it. Afterwards the step checks what the phone system holds.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from syncd.errors import ConfigError
from syncd.report.error_text import say_error
from syncd.report.exit_code import DEFECT, DONE, GOOD, MEANINGS, WAITING
from syncd.report.screen import Screen
from syncd.report.streams import silence_stdout
from syncd.sandbox.server import Sandbox
from syncd.surroundings.temporary import passing_folder

Command = Callable[[Sequence[str]], int]
"""Runs syncd with these arguments, as the command line does, and returns the exit code."""

CONFIGURATION = """\
target:
  api_key: KEY
  base_url: URL
state: syncd.db
sources:
  tenants:
    connector: csv
    options: {path: tenants.csv}
    key: tenant_id
    where: "status <> 'former'"
    require: [Phone, Contact]
    phones: {region: {column: country}}
    mapping:
      External ID: tenant_id
      Contact: {from: "{first_name} {last_name}", case: title}
      Company: {first: [company, employer], default: Unknown}
      Phone: [mobile, home_phone, work_phone]
      Email: {from: email, case: lower}
      Portal: tenant_id
"""

# Two contacts that a person entered by hand. The first is in no export and must never be touched; the second is in the
# export too and must be adopted, not doubled.
FRONT_DESK = {"Contact": "Front desk", "Company": "Juniper Court", "Phone": "2125550100"}
OLD_FRIEND = {"External ID": "100012", "Contact": "S. O'Brien", "Company": "Harbor View Lofts", "Phone": "9295550100"}

WANTED = 284
"""Rows of the sample that make a contact: neither former, nor without a phone that can be read, nor broken."""

EDITS: Sequence[tuple[str, str, str]] = (
    (
        "line 264 gets the fields that it lacked",
        "100266,Prudence,Marlow,Old Mill Yard,prudence@example.com,(607) 555-0228\n",
        "100266,Prudence,Marlow,Old Mill Yard,,prudence@example.com,(607) 555-0228,,,US,active,2026-10-05 10:02\n",
    ),
    ("line 200 gets its key", "\n,Clement,Ashby,", "\n100309,Clement,Ashby,"),
    (
        "line 177 goes, since 107 is the same tenant",
        "100107,Viktor,Quigley,Elm Street Apartments,,,(845) 555-0226,,,US,active,2026-10-02 09:14\n",
        "",
    ),
    ("100217 has a second number", ",518.555.0168,", ",518.555.0168; 212-555-0230,"),
    ("100231 has moved out", "917 555 0178,,,US,active", "917 555 0178,,,US,former"),
)
"""The company's edits of its export: the description, the old text, the new text."""

NEWCOMER = "100310,Nell,Farrow,Juniper Court,,nell.farrow@example.com,212-555-0231,,,US,active,2026-10-05 11:20\n"


class Surprise(Exception):
    """A step did not come out as the demo says."""


def run_demo(command: Command) -> int:
    """Play the demo on standard output and return the exit code: a step that does not come out as it says is a defect.

    Raises:
        ConfigError: the sample is not where it was installed, or no port is free.
    """
    sample = shipped() / "samples" / "tenants.csv"
    try:
        with passing_folder("syncd-demo-") as folder, Sandbox() as sandbox:
            demo = Demo(folder, sandbox, sample.read_text(encoding="utf-8"), command)
            for step in (demo.begin, demo.look, demo.push, demo.edit, demo.rest, demo.guard):
                step()
        _next_steps(Screen())
    except Surprise as surprise:
        say_error(f"the demo did not come out as it should: {surprise}")
        return DEFECT
    except BrokenPipeError:
        # Nobody reads on (syncd demo | head). Caught here, so that the sandbox and the folder are gone already.
        silence_stdout()
    return DONE


def shipped() -> Path:
    """Return the folder of example configurations and data: in the installed package, or in the clone.

    Raises:
        ConfigError: it is in neither.
    """
    package = Path(__file__).parent
    for folder in (package / "_config", package.parent / "config"):
        if (folder / "samples" / "tenants.csv").is_file():
            return folder
    raise ConfigError(f"the sample company is missing from {package}: install syncd again")


class Demo:
    """The steps, in the order of the story. ``sample``: the export's text."""

    def __init__(self, folder: Path, sandbox: Sandbox, sample: str, command: Command) -> None:
        self._export = folder / "tenants.csv"
        self._configuration = folder / "syncd.yaml"
        self._sandbox = sandbox
        self._command = command
        self._sample = sample
        self._screen = Screen()

    def begin(self) -> None:
        # Into the store, not by a request: the demo counts the requests of syncd.
        for contact in (FRONT_DESK, OLD_FRIEND):
            self._sandbox.store.add(contact)
        text = CONFIGURATION.replace("KEY", self._sandbox.key).replace("URL", self._sandbox.url)
        self._configuration.write_text(text, encoding="utf-8")
        self._export.write_text(self._sample, encoding="utf-8")
        self._tell(
            "A demo: syncd keeps the contacts of a phone system equal to a company's export, tenants.csv.",
            f"The phone system is a sandbox on this machine ({self._sandbox.url}), and holds two contacts already.",
            "Nothing leaves the machine, and nothing stays behind. This is the whole configuration, syncd.yaml:",
        )
        for line in text.splitlines():
            self._screen.line((line, "dim"), indent=4)

    def look(self) -> None:
        self._step("1. Look first", "A dry run reads the export, says what it would do, and sends nothing.")
        sent = self._run("--dry-run", ends=WAITING)
        _promise("writing requests in the dry run", sent["POST"] + sent["DELETE"], 0)
        _promise("contacts after the dry run", len(self._contacts()), 2)

    def push(self) -> None:
        self._step("2. Push", "The same in earnest, in batches of 500. A row that cannot be read costs no other row.")
        self._run(ends=WAITING)
        self._promise_contacts(WANTED, {"100012": "Siobhan O'Brien", "100010": "Gloria Hathaway"}, "Contact")
        self._promise_contacts(WANTED, {"100015": "2125550212", "100034": "8005557368"}, "Phone")

    def edit(self) -> None:
        self._step("3. Edit the export", "The company mends the three rows and goes on with its day; in tenants.csv:")
        text = self._sample
        for description, old, new in EDITS:
            # An edit that finds its text twice, or not at all, would make the later numbers wrong.
            _promise(f"places where {description}", text.count(old), 1)
            text = text.replace(old, new)
            self._screen.line(f"- {description}", indent=2)
        self._screen.line("- 100310 has moved in, in a new last line", indent=2)
        self._export.write_text(text + NEWCOMER, encoding="utf-8")
        self._tell("Only what differs is sent, field by field:")
        self._run(ends=DONE)
        numbers = {"100217": "5185550168;2125550230", "100266": "6075550228", "100309": "5855550227"}
        self._promise_contacts(WANTED + 2, {**numbers, "100310": "2125550231", "100231": None}, "Phone")

    def rest(self) -> None:
        self._step("4. Run again", "Nothing has changed, so nothing is written: one request, to see the fields.")
        sent = self._run(ends=DONE)
        _promise("requests of a run with nothing to do", dict(sent), {"GET": 1})

    def guard(self) -> None:
        self._step("5. The export goes wrong", "One night it holds its header and no row. Must everybody be deleted?")
        self._export.write_text(self._sample.partition("\n")[0] + "\n", encoding="utf-8")
        sent = self._run(ends=WAITING)
        _promise("deletes of an emptied export", sent["DELETE"], 0)
        self._promise_contacts(WANTED + 2, {}, "Phone")
        self._screen.line()
        self._tell(
            "No: everybody is still there. The deletes are held until syncd approve lets exactly this list go, once,",
            "or until the export is whole again and they no longer arise.",
        )

    def _step(self, title: str, text: str) -> None:
        self._screen.line()
        self._screen.line((title, "bold cyan"))
        self._tell(text)

    def _tell(self, *lines: str) -> None:
        for line in lines:
            self._screen.line(line)

    def _run(self, *options: str, ends: int) -> Counter[str]:
        """Run ``syncd run``, which must end with the code ``ends``; return the number of requests by method."""
        self._screen.line()
        self._screen.line((f"$ {shlex.join(['syncd', 'run', *options])}", "bold"))
        before = len(self._sandbox.requests)
        # Without the log lines, which would stand between the lines that the demo explains.
        code = self._command(["--config", str(self._configuration), "--log-level", "error", "run", *options])
        meaning = MEANINGS[code] if code in GOOD else "not as it should be"
        self._screen.line((f"(exit code {code}: {meaning})", "dim"))
        _promise("the exit code", code, ends)
        return Counter(entry.method for entry in self._sandbox.requests[before:])

    def _contacts(self) -> list[Mapping[str, Any]]:
        return [contact["fields"] for contact in self._sandbox.store.contacts()]

    def _promise_contacts(self, count: int, values: Mapping[str, str | None], field: str) -> None:
        """Check that the phone system holds ``count`` tenants, these values of ``field``, and the front desk."""
        contacts = self._contacts()
        there = {fields["External ID"]: fields for fields in contacts if fields.get("External ID")}
        _promise("tenants in the phone system", len(there), count)
        for tenant, value in values.items():
            _promise(f"{field} of {tenant}", there.get(tenant, {}).get(field), value)
        untouched = [fields for fields in contacts if not fields.get("External ID")]
        _promise("the contacts that no export holds", [fields.get("Contact") for fields in untouched], ["Front desk"])


def _promise(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Surprise(f"{what}: {found!r} instead of {wanted!r}")


def _next_steps(screen: Screen) -> None:
    # Commands that work from where the person is: in a clone, syncd and its examples are not where they are installed.
    here, examples = Path.cwd(), shipped()
    folder = shlex.quote(os.fspath(examples.relative_to(here) if examples.is_relative_to(here) else examples))
    # In a clone, syncd is in the virtual environment, and usually not on the PATH.
    program = "syncd" if shutil.which("syncd") else shlex.quote(str(Path(sys.executable).parent / "syncd"))
    screen.line()
    screen.line(("With your own export and a key from the Vocatech admin portal:", "bold cyan"))
    for command, comment in (
        (f"cp -r {folder} my-company && cd my-company", "then say in sources/tenants.yaml what your export holds"),
        ("export VOCATECH_API_KEY=...", "your key"),
        (f"{program} check", "are configuration, key, fields and export as they should be?"),
        (f"{program} run --dry-run", "what would be done; without --dry-run, it is"),
    ):
        screen.line((f"$ {command}", "bold"), (f"    # {comment}", "dim"), indent=2)
