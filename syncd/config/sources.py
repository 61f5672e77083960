"""One configured source: turns its form into the frozen rules that the rest of syncd uses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from syncd.config.forms import CronForm, RegionForm, RuleForm, SourceForm
from syncd.config.problems import Document, Problems, dotted
from syncd.config.tree import KeyPath
from syncd.config.value_types import is_template
from syncd.config.yaml_tree import read_plain
from syncd.core.columns import UNIT
from syncd.core.settings import rules as core_rules
from syncd.core.settings.schedules import NIGHTLY, Cron, Never, Schedule
from syncd.core.wording import nearest
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.source import Connector, Options


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
        # The 1 is the version of this list: raise it when a setting is added, so that stored digests stop matching.
        settings = [1, self.connector, self.options, self.rules, self.shared_match, self.gates.mode]
        text = json.dumps(_canonical(settings), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """Return ``value`` as JSON that is the same in every process."""
    if isinstance(value, BaseModel):
        return {name: _canonical(getattr(value, name)) for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: _canonical(getattr(value, part.name)) for part in fields(value)}
        return {"": type(value).__name__, **parts}
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    # A set's order differs from process to process.
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(_canonical(item), sort_keys=True) for item in value)
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    # str() masks a secret, so a rotated key does not change the digest.
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


@dataclass(frozen=True, slots=True)
class Entry:
    """A source as a file writes it: ``raw`` is its value with the variables filled."""

    name: str
    document: Document
    prefix: KeyPath
    raw: Any


def read_source(entry: Entry, problems: Problems) -> Source | None:
    """Return the source of ``entry``; or note its problems in ``problems`` and return None."""
    form = problems.validated(entry.document, entry.prefix, SourceForm, entry.raw)
    options = _options(entry, problems)
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


def _options(entry: Entry, problems: Problems) -> Options | None:
    """Return ``options`` as the connector's own model reads them; None if they, or the form around them, are wrong."""
    raw = entry.raw if isinstance(entry.raw, Mapping) else {}
    name, options = raw.get("connector"), raw.get("options", {})
    if not isinstance(name, str) or not name:
        return None
    try:
        model = _connector(name).OPTIONS
    except ConfigError as error:
        problems.add(entry.document, (*entry.prefix, "connector"), problems.hide(str(error)))
        return None
    # The form has noted these problems already: a second message about missing options would mislead.
    if not isinstance(options, Mapping) or _are_misspelt(raw):
        return None
    # Connectors may not import the configuration, so its YAML reader is handed to them.
    context = {"folder": entry.document.folder, "read_yaml": read_plain}
    return problems.validated(entry.document, (*entry.prefix, "options"), model, options, context)


def _are_misspelt(raw: Mapping[str, Any]) -> bool:
    """Return whether the key ``options`` is missing, and another key looks like a misspelling of it."""
    others = (str(key) for key in raw if key not in SourceForm.model_fields)
    return "options" not in raw and any("'options'" in nearest(key, SourceForm.model_fields) for key in others)


def _connector(name: str) -> type[Connector]:
    # A connector may be named that is not installed: this is a problem of the file, with its place.
    from syncd.source import connector_class, connector_names

    try:
        return connector_class(name)
    # A connector of another package may import a library that is not installed.
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the connector {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{error}{nearest(name, connector_names())}") from None


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
