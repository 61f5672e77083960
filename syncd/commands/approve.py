"""``syncd approve``: lets held changes go on, once and exactly as listed."""

from __future__ import annotations

from pathlib import Path

from syncd.commands.options import ApproveOptions
from syncd.commands.settings import chosen, existing_state, loaded
from syncd.core.wording import HELD_WORDS, counted
from syncd.errors import ConfigError
from syncd.report.exit_code import DONE
from syncd.report.screen import Screen
from syncd.report.streams import printable
from syncd.state.glance import erasures_of, repairs_of


def approve(config: Path | None, options: ApproveOptions) -> int:
    """Approve the list of the source, or of the sink, that is held under the digest.

    Raises:
        ConfigError: nothing of it is held under that digest.
    """
    settings, source, digest = loaded(config), options.source, pasted(options.digest)
    is_sink = chosen(settings, source) == "sink"
    # The state keeps what a run holds under the source's name, and what a repair holds under a name of its own.
    names = source, repairs_of(source), erasures_of(source)
    with existing_state(settings) as state:
        held = {hold["digest"]: hold for name in names for hold in (state.holds.of(name) if state else ())}
        if state is None or digest not in held:
            again = f"syncd activity deliver {source}" if is_sink else f"syncd run {source}"
            raise ConfigError(_nothing_held(source, digest, list(held), again))
        hold = held[digest]
        state.holds.approve(hold["source"], digest)
    number = counted(hold["count"], HELD_WORDS.get(hold["kind"], "change"))
    how = f"syncd run {source}" if hold["source"] == source else f"syncd reconcile {source} --repair"
    how = f"syncd activity deliver {source}" if is_sink else how
    how = "syncd activity forget --sinks" if hold["source"] == erasures_of(source) else how
    Screen().line(f"{source}: {number} approved, for one run and exactly as listed: {how} makes them.")
    return DONE


def pasted(digest: str) -> str:
    """Return the digest that a person means by a copied text: without spaces around it, in small letters."""
    return digest.strip().lower()


def _nothing_held(source: str, digest: str, held: list[str], again: str) -> str:
    now = f"held now: {', '.join(held)}" if held else "nothing of it is held now"
    what = f"nothing is held under {printable(digest)}" if digest else "the digest is empty, and names no list"
    # A digest that was right a moment ago is the usual case, so the message says how a digest gets old.
    return (
        f"{source}: {what}; {now}. A list that changed has a new digest, and a dry run only shows one: {again} holds it"
    )
