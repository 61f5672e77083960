"""One finding of ``syncd check``, and how an error becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from syncd.errors import SyncdError
from syncd.report.exit_code import code_of

if TYPE_CHECKING:
    from syncd.report.screen import Screen

MARKS = {"good": ("✓", "green"), "bad": ("✗", "bold red"), "note": ("!", "yellow")}


@dataclass(frozen=True, slots=True)
class Step:
    """One finding, with the exit code that it asks for."""

    mark: Literal["good", "bad", "note"]
    text: str
    details: tuple[str, ...] = ()
    code: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return one entry of ``steps``."""
        return {"mark": self.mark, "text": self.text, "details": list(self.details)}


def show_step(screen: Screen, step: Step) -> None:
    """Write a finding, and its details below it."""
    screen.line(MARKS[step.mark], f" {step.text}")
    for detail in step.details:
        screen.line(detail, indent=4)


def failed(what: str, error: SyncdError) -> Step:
    """Return the finding that ``error`` kept a look at ``what`` from being good."""
    first, *more = str(error).splitlines() or [type(error).__name__]
    if more:
        return Step("bad", f"{what}:", (first, *more), code_of(error))
    # Many messages begin with the name of the source or the target.
    text = first if first.startswith((f"{what}: ", f"{what} ")) else f"{what}: {first}"
    return Step("bad", text, code=code_of(error))
