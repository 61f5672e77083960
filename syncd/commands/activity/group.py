"""``syncd activity``: calls and messages come from the phone system."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from syncd.commands import options as takes
from syncd.commands.groups.alone import group
from syncd.commands.options import Common, command

app = group("Calls and messages: read them, and prove that none is missing.")


def _add(name: str, options: type, module: str | None = None) -> None:
    """Add the command that the function ``name`` of the module of this name carries out; ``module``: another one."""

    def carry_out(common: Common, given: Any) -> int:
        place = module or name
        found = import_module(f"syncd.commands.activity.{place}")
        code: int = getattr(found, place.rpartition(".")[2])(common.config, given)
        return code

    # The docstring of the options is the text of --help.
    carry_out.__doc__ = options.__doc__
    command(app, name, options)(carry_out)


_add("run", takes.ActivityRunOptions)
_add("pull", takes.PullOptions)
_add("deliver", takes.DeliverOptions)
_add("check", takes.ActivityCheckOptions, "proving.check")
_add("prepare", takes.PrepareOptions)
_add("days", takes.DaysOptions)
_add("list", takes.ActivityListOptions, "listed")
_add("export", takes.ActivityExportOptions)
_add("explain", takes.ActivityExplainOptions)
_add("attribute", takes.AttributeOptions, "callers.attribute")
_add("unknown", takes.UnknownOptions, "callers.unknown")
_add("replay", takes.ActivityReplayOptions)
_add("forget", takes.ActivityForgetOptions, "privacy.forget")
