"""Joins what was said of an activity, in any order and any number of times, and derives what it comes to.

A state is a join-semilattice: :func:`join` is commutative, associative and idempotent. It is a JSON object, and each of
its parts is joined by a rule of its own:

``rows``: what lists say, by leg: ``[authority, at, row]``, of which the highest counts. ``legs``: what events say, by
leg and kind of event: ``[at, data]``. ``said``: what is said of a message, by source: ``[at, data]``. ``texts``:
``[authority, at, digest, text]`` by place; an empty text says nothing. ``media``, ``files``: recordings by segment and
attachments by id. ``status``: ``[at, rank, status]`` of a message. ``heard``, ``listed``: the newest event of a leg and
the newest list, in the server's time. ``first``: ``[arrived, by]`` of the first that was heard of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from syncd.core.activity.observations import By, Observation, State


def merge(state: State | None, observation: Observation, *, arrived: float = 0.0, by: By | None = None) -> State:
    """Return the state with what was observed; ``state`` is None if nothing was, and stays as it is.

    ``arrived``: when it arrived here, in Unix seconds, if the observation does not say so. ``by``: who said it, if it
    was another one than the observation says.
    """
    came = arrived if observation.arrived is None else observation.arrived
    new = observation.said | {"first": [came, by or observation.by]}
    return new if state is None else join(state, new)


def join(one: State, other: State) -> State:
    """Return what both states say together."""
    joined = dict(one)
    for part, said in other.items():
        joined[part] = _JOINS[part](joined[part], said) if part in joined else said
    return joined


def _higher(one: list[Any], other: list[Any]) -> list[Any]:
    """Return the one with the higher authority, or the newer one.

    At the same time any order will do, if it is always the same.
    """
    mine, theirs = one[:-1], other[:-1]
    if mine == theirs and one[-1] != other[-1]:
        mine, theirs = [_sortable(one[-1])], [_sortable(other[-1])]
    return other if theirs > mine else one


def _sortable(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _fuller(one: list[Any], other: list[Any]) -> list[Any]:
    """Return the text that counts; the same text may stand there without its words, after they were dropped."""
    mine, theirs = one[:3], other[:3]
    return other if theirs > mine or (theirs == mine and len(other) > len(one)) else one


def _each(rule: Callable[[Any, Any], Any]) -> Callable[[State, State], State]:
    def joined(one: State, other: State) -> State:
        return {**one, **{key: rule(one[key], said) if key in one else said for key, said in other.items()}}

    return joined


_JOINS: Mapping[str, Callable[[Any, Any], Any]] = {
    "rows": _each(_higher),
    "legs": _each(_each(_higher)),
    "said": _each(_higher),
    "texts": _each(_fuller),
    "media": _each(max),
    "files": _each(_higher),
    "status": max,
    "heard": max,
    "listed": max,
    "first": min,
}
