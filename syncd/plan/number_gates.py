"""Gathers what the gates of numbers need: the company's own numbers, and how many numbers a source's contacts have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import polars as pl

from syncd.config import Settings, Source
from syncd.core.callers.forbidden import own_forms
from syncd.core.callers.gates import NumberRules, number_changes, number_gates
from syncd.core.plan import Held
from syncd.core.schema import Schema
from syncd.state import State


def number_rules(source: Source, settings: Settings) -> NumberRules:
    """Return what the numbers of a source's plans are judged by."""
    regions = {each.rules.phones.region for each in settings.sources.values()}
    return NumberRules(
        settings.number_limits, own_forms(settings.own_numbers, regions), region=source.rules.phones.region
    )


def number_gates_of(
    source: str, changes: pl.DataFrame, rules: NumberRules, state: State, schema: Schema
) -> Callable[[pl.DataFrame], Iterable[Held]]:
    """Return the gates of numbers for the ``changes`` of a run: they judge those of the changes that count."""
    found = number_changes(changes, schema.phones)
    known = state.holders.count(source, schema.phones) if found.may_be_too_many(rules.limits) else 0
    return partial(number_gates, found=found, rules=rules, known=known)
