"""``syncd apply``: makes exactly the changes of a plan that ``syncd run --dry-run --plan`` wrote."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

from syncd.commands.options import ApplyOptions
from syncd.commands.running import Ran, concluded, opened, run_each
from syncd.commands.settings import loaded
from syncd.core.settings.durations import parse_duration
from syncd.errors import ConfigError
from syncd.report.exit_code import gravest


def apply(config: Path | None, options: ApplyOptions) -> int:
    """Apply the plan, print the report, and return the exit code."""
    ran = Ran()
    return concluded(options, ran, partial(_apply, config, options, ran))


def _apply(config: Path | None, options: ApplyOptions, ran: Ran, stopping: threading.Event) -> None:
    try:
        oldest = time.time() - parse_duration(options.max_age)
    except ValueError as error:
        raise ConfigError(f"--max-age {options.max_age}: {error}") from None
    settings = ran.settings = loaded(config)

    # What is slow to import is imported here, where the signals are handled already.
    from syncd.apply import apply_source, require_applicable, sources_of
    from syncd.plan.file import read_plan
    from syncd.state import State

    plan, named = read_plan(options.file), str(options.file)
    sources = sources_of(plan, named, settings)
    # Before the state is opened for writing: what is refused makes no state file.
    with State(settings.state, read_only=True) as state:
        require_applicable(plan, named, state, oldest=oldest)
    with (
        opened(settings, stopping, dry_run=False, wait=options.wait) as session,
        session.leased(f"plan {plan.digest[:12]}"),
    ):
        # Another process may have applied it meanwhile.
        require_applicable(plan, named, session.state, oldest=oldest)
        session.state.plans.begin(plan.digest, session.run)
        run_each(session, sources, ran, partial(apply_source, session, plan))
        session.state.plans.end(plan.digest, session.run, gravest(each.exit_code for each in ran.reports))
