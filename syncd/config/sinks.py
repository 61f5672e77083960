"""One configured sink: turns its form into the frozen rules that the rest of syncd uses."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.config.digest import digest_of
from syncd.config.options import SINK, Entry, options_of
from syncd.config.problems import Document, Problems, dotted
from syncd.config.sink_forms import CallsForm, SinkForm
from syncd.config.tree import KeyPath
from syncd.core.settings import sinks as rules
from syncd.core.wording import nearest

if TYPE_CHECKING:
    from syncd.sink import Sink
    from syncd.source import Options


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """A configured sink. ``sink``: what it is. ``options``: an instance of the sink's own options model.

    ``document`` and ``prefix``: the sink's place in the files.
    """

    name: str
    sink: str
    options: Options = field(repr=False)
    rules: rules.SinkRules
    document: Document | None = field(default=None, repr=False, compare=False)
    prefix: KeyPath = ()

    def where_is(self, *path: str | int) -> str:
        """Return ``FILE:LINE: key.path`` of a key of this sink."""
        return f"{self.name}: {dotted(path)}" if self.document is None else self.document.where((*self.prefix, *path))

    def connect(self) -> Sink:
        """Build the sink; it opens nothing yet."""
        from syncd.sink import sink_class

        return sink_class(self.sink)(self.name, self.options, self.rules)

    @property
    def digest(self) -> str:
        """A SHA-256 (hex) over every setting that decides how records come out, and over no secret."""
        shown = self.rules
        return digest_of([1, self.sink, self.options, shown.calls, shown.messages, shown.owners, shown.outcomes])


def read_sink(entry: Entry, problems: Problems, sources: Collection[str]) -> SinkSettings | None:
    """Return the sink of ``entry``; or note its problems in ``problems`` and return None. ``sources``: their names."""
    form = problems.validated(entry.document, entry.prefix, SinkForm, entry.raw)
    options = options_of(entry, problems, SINK)
    if form is None or options is None:
        return None
    for path, sentence in _contradictions(form, sources):
        problems.add(entry.document, (*entry.prefix, *path), sentence)
    return SinkSettings(
        name=entry.name,
        sink=form.sink,
        options=options,
        rules=_rules(form),
        document=entry.document,
        prefix=entry.prefix,
    )


def _contradictions(form: SinkForm, sources: Collection[str]) -> Iterator[tuple[KeyPath, str]]:
    if form.contacts is not None and form.contacts not in sources:
        hint = nearest(form.contacts, sources)
        yield ("contacts",), f"no source is called {form.contacts!r}{hint}: name the source that reads its contacts"
    if form.calls is None and form.messages is None:
        yield (), "gets neither calls nor messages: leave out one of the two that say never"
    if form.leads is not None and form.calls is None:
        yield ("leads",), "contacts are made of callers, and the sink gets no calls: leave out calls: never"


def _rules(form: SinkForm) -> rules.SinkRules:
    return rules.SinkRules(
        calls=None if form.calls is None else _calls(form.calls),
        messages=None if form.messages is None else rules.MessageRules(**form.messages.model_dump()),
        limits=rules.SinkLimits(**form.at_most.model_dump()),
        leads=None if form.leads is None else rules.LeadRules(**form.leads.model_dump()),
        **form.settle.model_dump(),
        **form.model_dump(include={"contacts", "owners", "outcomes", "where"}),
    )


def _calls(form: CallsForm) -> rules.CallRules:
    recording = "" if form.recording == "none" else form.recording
    return rules.CallRules(
        early=form.write == "early", recording=recording, **form.model_dump(include={"title", "summary", "transcript"})
    )
