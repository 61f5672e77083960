"""The options of the commands, and how a function becomes a command that takes them.

The docstring of a class of options is what ``--help`` says of its command.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer import Argument, Option

Command = TypeVar("Command", bound=Callable[..., int])

_CONFIG_HELP = "The configuration; else $SYNCD_CONFIG, ./syncd.yaml or /etc/syncd/syncd.yaml."
_LEVEL_HELP = "debug, info, warning or error; else $SYNCD_LOG_LEVEL, or info."
Config = Annotated[Path | None, Option("--config", metavar="FILE", help=_CONFIG_HELP)]
Level = Annotated[str | None, Option("--log-level", metavar="LEVEL", help=_LEVEL_HELP)]
OneSource = Annotated[str | None, Argument(metavar="SOURCE", help="One source; all, if none is named.")]
Sources = Annotated[list[str] | None, Argument(metavar="SOURCE", help="Which sources; all, if none is named.")]
DryRun = Annotated[bool, Option("--dry-run", help="Show what would be done, and send nothing.")]
Wait = Annotated[bool, Option("--wait", help="Wait for another run of the source to end.")]
Json = Annotated[bool, Option("--json", help="Print one JSON object on stdout, and nothing else.")]

_CHANGES = Option("--changes", metavar="FILE", help="Write every change to a .csv, .jsonl or .parquet file.")
_PLAN = Option("--plan", metavar="FILE", help="With --dry-run: write the plan to a file that syncd apply makes.")
_MAX_AGE = Option("--max-age", metavar="AGE", help="Refuse a plan that is older than this, such as 12h or 3d.")
_EXIT_CODE = Option("--exit-code", help="With --dry-run: exit with 10 when there are changes.")
_PROVE = Option("--prove", help="Try damaged copies of each source: does a gate hold what they would do?")
_PROVE_OUTAGE = Option("--prove", help="Rehearse a day with the receiver off: what would be lost, and how late is it?")
_PROVED_DAYS = Option("--days", metavar="A..B", help="With --prove: the newest of these days, not of all.")
_CHECK = Option("--check", help="One line for a monitor; exit with 0 if all is well, else with 3.")
_THESE = Argument(metavar="SOURCE", help="Only these sources of it; all, if none is named.")
_APPROVE = Option("--approve", metavar="DIGEST", help="Let exactly this list pass its gates, this once.")
_DAYS = Option("--days", metavar="A..B", help="Read these days, such as 2026-03-01..2026-03-10, due or not.")
_ONLY_DAYS = Option(
    "--days", metavar="A..B", help="Of these days, such as 2026-03-01..2026-03-10, yesterday or -7d.. ."
)
_KIND = Option("--kind", metavar="KIND", help="Only calls (call) or only messages (message).")
_NUMBER = Option("--number", metavar="N", help="Only with this number, written in any way.")
_EVENTS = Option("--events", metavar="A..B", help="Only events that were received on these days.")
_REBUILD = Option("--rebuild", help="Also derive every stored call and message anew from all that was said of it.")
_LIVE = Option("--live", help="Also ask the list for this call, by one request, and say what differs. Stores nothing.")
_ACTIVITY = Argument(metavar="ID", help="Its id, or the beginning of it that no other one has.", show_default=False)
_TO = Option("--to", metavar="SOURCE KEY", help="It is this contact's.", show_default=False)
_AGAIN = Option("--again", metavar="A..B", help="Decide anew whose the calls and messages of these days are.")
_STAY = Option("--stay", metavar="SECONDS", help="With --events: go on until nothing has come for so long.")
_THESE_SINKS = Argument(metavar="SINK", help="Which sinks; all, if none is named.")
_REPLAY_SINK = Option("--sink", metavar="SINK", help="Also deliver the calls and messages of these days again to it.")
_STAY_DELIVERING = Option("--stay", metavar="SECONDS", help="Deliver what comes, until nothing has come for so long.")
_CALLER = Argument(metavar="NUMBER", help="The number, written in any way.", show_default=False)
_REGION = Option("--region", metavar="CC", help="The region in which it is written, such as US; else the sources'.")
_LIVE_NUMBER = Option("--live", help="Also ask the target, by one search, and say what differs. Stores nothing.")
_SINCE = Option("--since", metavar="WHEN", help="Since 2h, 7d or 2026-03-31 (UTC).")


@dataclass(frozen=True, slots=True)
class Common:
    """The options that every command takes; None where an option is not given."""

    config: Path | None = None
    log_level: str | None = None


# --help lists the options in the order of the fields.
@dataclass(frozen=True, slots=True)
class RunOptions:
    """Read the sources, compare them with what was sent last, and push what changed."""

    sources: Sources = None
    dry_run: DryRun = False
    as_json: Json = False
    changes: Annotated[Path | None, _CHANGES] = None
    plan: Annotated[Path | None, _PLAN] = None
    full: Annotated[bool, Option("--full", help="Read everything, also what has not changed.")] = False
    wait: Wait = False
    exit_code: Annotated[bool, _EXIT_CODE] = False


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """Make exactly the changes of a plan that run --dry-run --plan wrote; what changed since is refused."""

    file: Annotated[Path, Argument(metavar="FILE", help="The plan.")]
    as_json: Json = False
    max_age: Annotated[str, _MAX_AGE] = "1d"
    wait: Wait = False


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """Check the configuration, the key, the fields, and each source with its rows, up to 100,000. Writes nothing."""

    prove: Annotated[bool, _PROVE] = False
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """Show each source's last run and what waits, and what is left of the key's limits. Asks the target nothing."""

    as_json: Json = False
    check: Annotated[bool, _CHECK] = False


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """Read the target back and show what is missing, edited or extra there. Without --repair it changes nothing."""

    sources: Sources = None
    repair: Annotated[bool, Option("--repair", help="Put right what differs, as the sources' reconcile: says.")] = False
    as_json: Json = False
    wait: Annotated[bool, Option("--wait", help="With --repair: wait for a run of the source to end.")] = False


@dataclass(frozen=True, slots=True)
class ApproveOptions:
    """Let the held changes that DIGEST names go on, once and exactly as listed."""

    source: Annotated[str, Argument(metavar="SOURCE", help="The source, or the sink, whose changes are held.")]
    digest: Annotated[str, Argument(metavar="DIGEST", help="The list's digest, as run and status show it.")]


@dataclass(frozen=True, slots=True)
class NumberOptions:
    """Say whose a number is that several contacts want, or show who wants it. The target is asked nothing."""

    number: Annotated[list[str] | None, Argument(metavar="NUMBER", help="In any way of writing it.")] = None
    to: Annotated[tuple[str, str] | None, _TO] = None
    nobody: Annotated[bool, Option("--nobody", help="Take back what was said of it.")] = False
    listed: Annotated[bool, Option("--list", help="Show whose numbers were said to be, and what waits for that.")] = (
        False
    )
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """Take back what a run changed, deleted and created; what cannot be taken back is named."""

    run: Annotated[str, Argument(metavar="RUN", help="The run, as syncd history shows it.")]
    sources: Annotated[list[str] | None, _THESE] = None
    dry_run: DryRun = False
    approve: Annotated[list[str] | None, _APPROVE] = None
    as_json: Json = False
    wait: Wait = False


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """Show one contact's way from its row to the target, and what the next run would do with it, and why."""

    source: Annotated[str, Argument(metavar="SOURCE", help="The source.")]
    key: Annotated[str, Argument(metavar="KEY", help="The contact's key in it.")]
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class WhoisOptions:
    """Show whom a phone shows for a number, since when, whom it showed before, and why others are not there."""

    number: Annotated[list[str], _CALLER]
    live: Annotated[bool, _LIVE_NUMBER] = False
    region: Annotated[str | None, _REGION] = None
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """List the runs, the newest first; with --run or --key every change, field by field."""

    source: OneSource = None
    run: Annotated[str | None, Option("--run", metavar="RUN", help="The changes of this run.")] = None
    key: Annotated[str | None, Option("--key", metavar="KEY", help="The changes of this contact.")] = None
    # A length of time, or a date or time of ISO 8601; UTC, if it has no zone.
    since: Annotated[str | None, _SINCE] = None
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class PullOptions:
    """Read the lists of calls and messages: what is new, and days that are to be proved."""

    days: Annotated[str | None, _DAYS] = None
    dry_run: Annotated[bool, Option("--dry-run", help="Read the lists, and store nothing.")] = False
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class ActivityRunOptions:
    """Do all that is due: merge what was received, read the lists, fetch files, deliver, remove what is old."""

    events: Annotated[bool, Option("--events", help="Only merge what was received; ask the target nothing.")] = False
    stay: Annotated[float, _STAY] = 0.0
    dry_run: Annotated[bool, Option("--dry-run", help="Read the lists, and store nothing.")] = False
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class ActivityCheckOptions:
    """Check that calls and messages can be read, received, kept and delivered. Writes nothing."""

    prove: Annotated[bool, _PROVE_OUTAGE] = False
    days: Annotated[str | None, _PROVED_DAYS] = None
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class DeliverOptions:
    """Deliver calls and messages to the sinks: what is new, what has changed, and contacts that came later."""

    sinks: Annotated[list[str] | None, _THESE_SINKS] = None
    dry_run: DryRun = False
    as_json: Json = False
    changes: Annotated[Path | None, _CHANGES] = None
    wait: Annotated[bool, Option("--wait", help="Wait for another delivery to the sink to end.")] = False
    stay: Annotated[float, _STAY_DELIVERING] = 0.0


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """Make what deliveries to a sink need, such as tables or a property, if it is not there yet."""

    sink: Annotated[str, Argument(metavar="SINK", help="The sink.")]


@dataclass(frozen=True, slots=True)
class DaysOptions:
    """Show which days of calls and messages are proved to be whole."""

    as_json: Json = False


@dataclass(frozen=True, slots=True)
class ActivityListOptions:
    """List the calls and messages, the oldest first. Asks the target nothing."""

    days: Annotated[str | None, _ONLY_DAYS] = None
    kind: Annotated[str | None, _KIND] = None
    number: Annotated[str | None, _NUMBER] = None
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class ActivityExportOptions:
    """Write the calls and messages to a file: .csv, .jsonl or .parquet, by the end of its name."""

    file: Annotated[Path, Argument(metavar="FILE", help="The file; it becomes readable by its owner only.")]
    days: Annotated[str | None, _ONLY_DAYS] = None
    kind: Annotated[str | None, _KIND] = None
    number: Annotated[str | None, _NUMBER] = None


@dataclass(frozen=True, slots=True)
class ActivityExplainOptions:
    """Show what is known of a call, a message, a file or an event, and what the next run would do with it, and why."""

    id: Annotated[str, Argument(metavar="ID", help="Its id, or the beginning of it that no other one has.")]
    live: Annotated[bool, _LIVE] = False
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class AttributeOptions:
    """Say whose a call or a message is, for ever; or decide anew, by the contacts that had its number."""

    id: Annotated[str | None, _ACTIVITY] = None
    to: Annotated[tuple[str, str] | None, _TO] = None
    nobody: Annotated[bool, Option("--nobody", help="It is no contact's.")] = False
    again: Annotated[str | None, _AGAIN] = None
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would change, and store nothing.")] = False
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class UnknownOptions:
    """List the numbers that are no contact's, the most frequent ones first. Asks the target nothing."""

    csv: Annotated[bool, Option("--csv", help="Print a CSV table on stdout, and nothing else.")] = False
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class ActivityReplayOptions:
    """Merge the stored events once more. What lists have said stays; the target is asked nothing."""

    events: Annotated[str | None, _EVENTS] = None
    sink: Annotated[str | None, _REPLAY_SINK] = None
    rebuild: Annotated[bool, _REBUILD] = False
    dry_run: Annotated[bool, Option("--dry-run", help="Count what would change, and store nothing.")] = False
    as_json: Json = False


@dataclass(frozen=True, slots=True)
class ActivityForgetOptions:
    """Erase all that is kept of a number: its calls, messages, texts and files. They do not come back."""

    number: Annotated[str | None, Argument(metavar="NUMBER", help="The number, written in any way.")] = None
    sinks: Annotated[bool, Option("--sinks", help="Erase what sinks were sent of it too, once approved.")] = False
    dry_run: Annotated[bool, Option("--dry-run", help="Count what would be erased, and erase nothing.")] = False
    listed: Annotated[bool, Option("--list", help="Show when something was forgotten, never whom.")] = False
    allow: Annotated[str | None, Option("--allow", metavar="DIGEST", help="Let what has this digest come back.")] = None
    as_json: Json = False


def common_options(context: typer.Context, config: Path | None, log_level: str | None) -> Common:
    """Return the common options; an option behind the command counts before the same option in front of it."""
    # The root and each group have left theirs there.
    before: Common = context.obj
    return Common(config or before.config, log_level or before.log_level)


def prepared(context: typer.Context, config: Path | None = None, log_level: str | None = None) -> Common:
    """Return the common options after the logs were set up."""
    # structlog is slow to import, and ``--help`` logs nothing.
    from syncd.log import configure, level_of
    from syncd.surroundings.zone import check_zone

    common = common_options(context, config, log_level)
    configure(level_of(common.log_level))
    check_zone()
    return common


def command(group: typer.Typer, name: str | None = None, takes: type | None = None) -> Callable[[Command], Command]:
    """Register a function as a command that also takes ``--config`` and ``--log-level``.

    The function gets the :class:`Common` options as its first argument, after the logs were set up; then an object of
    the class ``takes`` whose fields are its options, or else each of its own options.
    """

    def register(function: Command) -> Command:
        def called(context: typer.Context, *, config: Config = None, log_level: Level = None, **own: Any) -> int:
            common = prepared(context, config, log_level)
            return function(common, takes(**own)) if takes else function(common, **own)

        own = list(inspect.signature(takes or function, eval_str=True).parameters.values())[0 if takes else 1 :]
        # Typer reads the options of a command off its signature, so the two signatures are joined.
        first, *last, _ = inspect.signature(called, eval_str=True).parameters.values()
        called.__signature__ = inspect.Signature([first, *own, *last])  # type: ignore[attr-defined]
        # The docstring is the text of --help.
        called.__doc__ = function.__doc__
        group.command(name or function.__name__)(called)
        return function

    return register
