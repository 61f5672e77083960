"""What is said of sources that the state file knows and the configuration does not name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from syncd.core.wording import counted


def of_the_unconfigured(contacts: Mapping[str, int]) -> Iterator[str]:
    """Warn of contacts that nobody looks after; ``contacts``: how many each such source has at the target."""
    for source, number in contacts.items():
        yield (
            f"source {source!r} is not in the configuration, and has {counted(number, 'contact')} at the target: syncd "
            "neither updates nor deletes what it has there, until it is named again or a source that is named sends "
            "the same contacts"
        )
