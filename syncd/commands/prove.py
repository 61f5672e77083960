"""``syncd check --prove``: what the gates make of damaged copies of each source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.settings import loaded
from syncd.core.wording import counted
from syncd.report.change_lines import kinds_counted

if TYPE_CHECKING:
    from syncd.prove import Proof, Proved
    from syncd.report.screen import Screen

HEAD = ("copy", "rows", "would go through", "held by", "result")


def proofs(config: Path | None) -> Iterator[Proved]:
    """Try the gates of each source, one after the other.

    Raises:
        SyncdError: the configuration, the state or the target's fields cannot be read.
    """
    from syncd.prove import prove
    from syncd.run.session import open_session

    settings = loaded(config)
    with open_session(settings, dry_run=True) as session:
        schema = session.target.fields()
        # Yielded one by one, so that a person sees the first source while the next one is tried.
        for source in settings.sources.values():
            yield prove(source, schema, session.clock())


def show_proofs(screen: Screen, found: Proved) -> None:
    """Write one source's table, and below it what no gate held."""
    if found.error is not None:
        screen.line((found.source, "bold"), ": the gates could not be tried: ", str(found.error).splitlines()[0])
        return
    known = counted(found.contacts, "known contact")
    screen.line((found.source, "bold"), f": damaged copies, beside {known}", hanging=2)
    screen.table(HEAD, [_row(proof) for proof in found.proofs])
    for proof in found.proofs:
        for advice in proof.advice:
            screen.line(("NOT HELD", "bold red"), f": {proof.damage}: {advice}", indent=2, hanging=6)


def _row(proof: Proof) -> Sequence[str]:
    through = ", ".join(kinds_counted(proof.through, done=False)) or "nothing"
    gates = [each.gate for each in proof.held]
    # A gate may hold a part while another part passes: then the damage is not held, whatever gates there are.
    result = "stopped" if proof.stopped else "not held" if proof.advice else "held" if gates else "nothing to hold"
    return (proof.damage, f"{proof.rows:,}", through, ", ".join(gates) or "no gate", result)
