"""``syncd check --prove``: what the gates make of damaged copies of each source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.commands.settings import loaded

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
        for source in settings.sources.values():
            yield prove(source, schema, session.clock())


def show_proofs(screen: Screen, found: Proved) -> None:
    """Write one source's table, and below it what no gate held."""
    from syncd.report.screen import count

    if found.error is not None:
        screen.line((found.source, "bold"), ": the gates could not be tried: ", str(found.error).splitlines()[0])
        return
    screen.line((found.source, "bold"), f": damaged copies, beside {count(found.contacts, 'known contact')}", hanging=2)
    screen.table(HEAD, [_row(proof) for proof in found.proofs])
    for proof in found.proofs:
        for advice in proof.advice:
            screen.line(("NOT HELD", "bold red"), f": {proof.damage}: {advice}", indent=2, hanging=6)


def _row(proof: Proof) -> Sequence[str]:
    from syncd.report.screen import KINDS

    through = [f"{proof.through[kind]:,} {words[0]}" for kind, words in KINDS.items() if proof.through.get(kind)]
    gates = [each.gate for each in proof.held]
    result = "stopped" if proof.stopped else "not held" if proof.advice else "held" if gates else "nothing to hold"
    return (proof.damage, f"{proof.rows:,}", ", ".join(through) or "nothing", ", ".join(gates) or "no gate", result)
