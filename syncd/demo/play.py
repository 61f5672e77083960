"""Plays the demo from its first step to its last, and says what to do next."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from signal import default_int_handler

from syncd.demo.calls import Calls
from syncd.demo.contacts import Contacts
from syncd.demo.stage import Command, Stage, Surprise
from syncd.demo.timeline import Timeline
from syncd.errors import ConfigError
from syncd.report.error_text import say_error
from syncd.report.exit_code import DEFECT, DONE
from syncd.report.screen import Screen
from syncd.report.streams import silence_stdout
from syncd.run.signals import handled
from syncd.sandbox.hubspot.server import HubSpot
from syncd.sandbox.server import Sandbox
from syncd.surroundings.temporary import passing_folder


def run_demo(command: Command) -> int:
    """Play the demo on standard output and return the exit code: a step that does not come out as it says is a defect.

    Raises:
        ConfigError: the sample is not where it was installed, or no port is free.
    """
    sample = shipped() / "samples" / "tenants.csv"
    try:
        # SIGTERM ends it as Ctrl-C does, so that neither the receiver nor the folder stays behind.
        with handled(default_int_handler), passing_folder("syncd-demo-") as folder, Sandbox() as sandbox:
            stage = Stage(folder, sandbox, command)
            Contacts(stage, sample.read_text(encoding="utf-8")).play()
            calls = Calls(stage)
            calls.play()
            with HubSpot(limits=None) as crm:
                Timeline(stage, crm, calls).play()
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
    package = Path(__file__).parent.parent
    for folder in (package / "_config", package.parent / "config"):
        if (folder / "samples" / "tenants.csv").is_file():
            return folder
    raise ConfigError(f"the sample company is missing from {package}: install syncd again")


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
        (f"{program} activity pull", "calls and messages, once activity: stands in syncd.yaml"),
    ):
        screen.line((f"$ {command}", "bold"), (f"    # {comment}", "dim"), indent=2)
