"""``syncd forget``: a contact, or a number, is forgotten for good."""

from __future__ import annotations

from pathlib import Path

from syncd.commands.forget.options import ForgetOptions


def forget(config: Path | None, options: ForgetOptions) -> int:
    """Forget, print what went, and return the exit code."""
    # Imported here: ``--help`` needs the options alone.
    from syncd.commands.forget.command import forget as carry_out

    return carry_out(config, options)
