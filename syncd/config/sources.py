"""One configured source: turns its form into the frozen rules that the rest of syncd uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.config.digest import digest_of
from syncd.config.forms import CronForm, RegionForm, RuleForm, SourceForm
from syncd.config.options import CONNECTOR, Entry, options_of
from syncd.config.problems import Document, Problems, dotted
from syncd.config.tree import KeyPath
from syncd.config.value_types import is_template
from syncd.core.columns import UNIT
from syncd.core.settings import rules as core_rules
from syncd.core.settings.schedules import NIGHTLY, Cron, Never, Schedule
from syncd.core.wording import nearest

if TYPE_CHECKING:
    from syncd.source import Connector, Options

__all__ = ["Entry", "Source", "read_source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A configured source. ``timeout`` and ``max_age`` are in seconds; without a ``schedule`` it runs only by hand.

    ``reconcile``: when the daemon reconciles it (None: never), and with ``repair`` also repairs it. ``options`` is an
    instance of the connector's own options model. ``document`` and ``prefix``: the source's place in the files.
    """

    name: str
    connector: str
    options: Options = field(repr=False)
    rules: core_rules.SourceRules
    gates: core_rules.GateRules = field(default_factory=core_rules.GateRules)
    shared_match: core_rules.SharedMatch = "first"
    shared_numbers: core_rules.SharedNumbers = "warn"
    on_edit: core_rules.OnEdit = "report"
    schedule: Schedule | None = None
    reconcile: Schedule | None = NIGHTLY
    repair: bool = False
    timeout: float = 1800.0
    max_age: float | None = None
    document: Document | None = field(default=None, repr=False, compare=False)
    prefix: KeyPath = ()

    def where_is(self, *path: str | int) -> str:
        """Return ``FILE:LINE: key.path`` of a key of this source, such as ``where_is("mapping", "Phone")``."""
        if self.document is None:
            return f"{self.name}: {dotted(path)}"
        return self.document.where((*self.prefix, *path))

    def placed(self, problem: str, field: str | None = None) -> str:
        """Return ``problem`` after the place of the mapping, or of the rule of one ``field``."""
        return f"{self.where_is('mapping', *([] if field is None else [field]))}: {problem}"

    def connect(self) -> Connector:
        """Build the source's connector; it opens nothing yet."""
        # Imported here: Polars and the connectors take long to import, and `syncd status` needs neither.
        from syncd.core.mapping.rules import mentioned
        from syncd.source import Needs, connector_class

        needs = Needs(self.rules.key, mentioned(self.rules))
        return connector_class(self.connector)(self.name, self.options, needs)

    @property
    def digest(self) -> str:
        """A SHA-256 (hex) over every setting that decides which contacts come out, and over no secret."""
        # The 2 is the version of this list: raise it when a setting is added, so that stored digests stop matching.
        settings = [2, self.connector, self.options, self.rules, self.shared_match, self.gates.mode]
        settings.append(self.shared_numbers)
        return digest_of(settings)


def read_source(entry: Entry, problems: Problems) -> Source | None:
    """Return the source of ``entry``; or note its problems in ``problems`` and return None."""
    form = problems.validated(entry.document, entry.prefix, SourceForm, entry.raw)
    options = options_of(entry, problems, CONNECTOR)
    if form is None or options is None:
        return None
    for path, sentence in _contradictions(form):
        problems.add(entry.document, (*entry.prefix, *path), sentence)
    return Source(
        name=entry.name,
        options=options,
        rules=_rules(form),
        gates=_gates(form),
        shared_numbers=form.phones.shared,
        schedule=_schedule(form.schedule),
        reconcile=_schedule(form.reconcile.schedule),
        document=entry.document,
        prefix=entry.prefix,
        # Settings that the form has under the same names.
        **form.model_dump(include={"connector", "shared_match", "timeout", "max_age"}),
        **form.reconcile.model_dump(include={"on_edit", "repair"}),
    )


def _contradictions(form: SourceForm) -> Iterator[tuple[KeyPath, str]]:
    """Yield the problems that depend on two values, which the form cannot see."""
    for index, name in enumerate(form.require or ()):
        if name not in form.mapping:
            hint = nearest(name, form.mapping)
            yield ("require", index), f"{name!r} is not mapped, so every contact would lack it{hint}: add it to mapping"
    for index, canary in enumerate(form.canaries):
        parts = 1 if isinstance(canary, str) else len(canary)
        if parts != len(form.key):
            yield ("canaries", index), f"has {parts} parts, and the key has {len(form.key)} columns: write one for each"


def _rules(form: SourceForm) -> core_rules.SourceRules:
    return core_rules.SourceRules(
        key=form.key,
        mapping={name: _rule(value) for name, value in form.mapping.items()},
        where=form.where,
        require=form.require or (),
        phones=_phones(form),
    )


def _rule(value: str | tuple[str, ...] | RuleForm) -> core_rules.Rule:
    if not isinstance(value, RuleForm):
        return core_rules.Rule(_shorthand(value))
    # The form and the rule have the same names for the changes made to the value.
    return core_rules.Rule(_origin(value), **value.model_dump(exclude={"first", "origin", "value", "sql"}))


def _origin(form: RuleForm) -> core_rules.Origin:
    if form.first is not None:
        return core_rules.First(form.first)
    if form.value is not None:
        return core_rules.Value(form.value)
    return core_rules.Sql(form.sql) if form.sql is not None else _shorthand(form.origin or "")


def _shorthand(value: str | tuple[str, ...]) -> core_rules.Origin:
    if isinstance(value, tuple):
        return core_rules.AllOf(value)
    return core_rules.Template(value) if is_template(value) else core_rules.Column(value)


def _phones(form: SourceForm) -> core_rules.PhoneRules:
    region, invalid = form.phones.region, form.phones.invalid
    code, column = (region.default, region.column) if isinstance(region, RegionForm) else (region, None)
    return core_rules.PhoneRules(code, column, invalid)


def _gates(form: SourceForm) -> core_rules.GateRules:
    deletes = {**form.deletes.at_most.model_dump(), **form.deletes.model_dump(exclude={"at_most"})}
    return core_rules.GateRules(
        mode=form.mode,
        deletes=core_rules.DeleteLimits(**deletes),
        updates_share=form.updates.at_most.share,
        keys=core_rules.KeyLimits(**form.keys.at_most.model_dump()),
        canaries=tuple(canary if isinstance(canary, str) else UNIT.join(canary) for canary in form.canaries),
    )


def _schedule(written: CronForm | Schedule | Never | None) -> Schedule | None:
    if isinstance(written, CronForm):
        return Cron(written.cron.text, written.timezone)
    return None if written == "never" else written
