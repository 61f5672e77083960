"""Say which changes of an earlier run still stand."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter


def since(run: str, changes: Iterable[tuple[str, str, str | None]]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the keys with a change that came later and still stands, and the keys whose own change is undone.

    Both name a run: the later run, and the run that undid. A change and its undo cancel out. If the undo is undone, the
    change stands again.

    Args:
        run: the run that is to be undone.
        changes: key, run, and the run that this run undid (or None), in the order in which they were made, all later
            than the changes of ``run``.
    """
    later: dict[str, str] = {}
    already: dict[str, str] = {}
    for key, group in groupby(sorted(changes, key=itemgetter(0)), key=itemgetter(0)):
        standing: list[str] = [run]
        taken: dict[str, str] = {}
        for by, of_run in groupby(group, key=itemgetter(1)):
            _follow(standing, taken, by, undoes=next(of_run)[2])
        if not standing:
            already[key] = [by for by, meant in taken.items() if meant == run][-1]
        elif standing[-1] != run:
            later[key] = standing[-1]
    return later, already


def _follow(standing: list[str], taken: dict[str, str], by: str, undoes: str | None) -> None:
    """Work out what stands after the run ``by``. ``taken``: per undo, the change that it undid or made stand again."""
    # An undo of an undo concerns the change that the first undo was about.
    meant = taken.get(undoes or "", undoes)
    if meant is None or (meant == undoes and standing[-1:] != [meant]):
        standing.append(by)
        return
    taken[by] = meant
    if standing[-1:] == [meant]:
        standing.pop()
    else:
        standing.append(meant)
