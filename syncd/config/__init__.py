"""The configuration of one company: YAML files become frozen settings.

:func:`find` chooses the file; :func:`load` reads it and the sources it includes. All errors of all files are reported
at once, each with its file, line and key. No message holds the value of a variable.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from syncd.config.activity import Activity, contradictions
from syncd.config.forms import Notify, SettingsForm, Target
from syncd.config.json_schema import json_schema
from syncd.config.problems import Document, Problems, dotted
from syncd.config.sinks import SinkSettings, read_sink
from syncd.config.sources import Entry, Source, read_source
from syncd.config.tree import KeyPath, Node, locate
from syncd.config.values import Secret
from syncd.config.variables import NotFilled, NotSet, Variables
from syncd.config.yaml_tree import NotYaml, read_tree
from syncd.core.settings.rules import DECIDING, NumberLimits
from syncd.errors import ConfigError

__all__ = [
    "Activity",
    "Notify",
    "Secret",
    "Settings",
    "SinkSettings",
    "Source",
    "Target",
    "find",
    "json_schema",
    "load",
]

# A name must not begin with "-": a command would take it for an option.
NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
"""The form of a source's name."""

_NO_NAME = "is no name for a {what}: use letters, digits, '.', '_' and '-'"
_NO_KEY = "-"
"""Takes the place of a missing API key while the rest of the configuration is checked."""

PLACES = (Path("syncd.yaml"), Path("/etc/syncd/syncd.yaml"))
"""The places where a configuration is looked for if none is named."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One company: all paths are absolute; ``sources`` by name, in the order of the configuration.

    ``activity`` is None if no calls and messages are fetched. ``sinks`` by name, in the order of the configuration.
    ``own_numbers``: the company's own, as they are written; ``number_limits``: of the gates of numbers.
    ``document``: the main file.
    """

    path: Path
    target: Target
    state: Path
    sources: Mapping[str, Source]
    workers: int = 2
    notify: Notify = field(default_factory=Notify)
    listen: str | None = None
    activity: Activity | None = None
    sinks: Mapping[str, SinkSettings] = field(default_factory=dict)
    own_numbers: tuple[str, ...] = ()
    number_limits: NumberLimits = field(default_factory=NumberLimits)
    document: Document | None = field(default=None, repr=False, compare=False)

    def where_is(self, *path: str | int) -> str:
        """Return ``FILE:LINE: key.path`` of a key of the main file, such as ``where_is("target", "display")``."""
        return dotted(path) if self.document is None else self.document.where(path)


def find(path: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the configuration file: ``path``, else ``$SYNCD_CONFIG``, else the first existing file of :data:`PLACES`.

    Raises:
        ConfigError: there is no such file; the message names the places that were tried.

    """
    named = environ.get("SYNCD_CONFIG")
    chosen = path or (Path(named) if named else None)
    if chosen is None:
        chosen = next((place for place in PLACES if _is_file(place)), None)
    if chosen is None:
        places = " and ".join(str(place) for place in PLACES)
        raise ConfigError(f"there is no configuration: looked for {places}; name one by --config FILE or $SYNCD_CONFIG")
    if not _is_file(chosen):
        by = "--config" if path else "$SYNCD_CONFIG"
        if _mode(chosen) == stat.S_IFDIR:
            raise ConfigError(f"{chosen}: this is a folder; {by} names a file: {chosen / 'syncd.yaml'}?")
        raise ConfigError(f"{chosen}: there is no such file, or no permission to see it; {by} names it")
    return chosen


def _is_file(path: Path) -> bool:
    # A pipe counts as a file: `--config <(…)` works.
    return _mode(path) not in (None, stat.S_IFDIR)


def _mode(path: Path) -> int | None:
    """Return the file type as a constant of :mod:`stat`, or None if there is no file or no permission to see it."""
    # Not Path.is_file(): it raises if a folder on the way may not be entered.
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return None


def load(path: Path, environ: Mapping[str, str] = os.environ, *, keyless: bool = False) -> Settings:
    """Read the configuration in ``path`` and the sources it includes.

    ``keyless``: the command sends nothing, so the variable of the target's key may be unset.

    Raises:
        ConfigError: something is wrong; ``problems`` holds every problem, one a line.

    """
    return _Loading(path, environ, keyless=keyless).settings()


class _Loading:
    """One reading of a configuration: collects the problems and fills the variables.

    ``key_problem``: why the target's key is missing, if the command works without it. ``unread``: whether a file could
    not be read.
    """

    def __init__(self, path: Path, environ: Mapping[str, str], *, keyless: bool) -> None:
        self.path = path
        self.keyless = keyless
        self.key_problem = ""
        self.variables = Variables(environ)
        self.problems = Problems(self.variables.hide)
        self.unread = False

    def settings(self) -> Settings:
        document = self._document(self.path)
        if document is None:
            raise ConfigError(*self.problems.lines())
        raw = self._plain(document)
        # Each source and sink is checked by itself: one that is wrong must not hide the problems of the others.
        apart = {key for key in ("sources", "sinks") if isinstance(raw.get(key), dict)}
        settings = {key: value for key, value in raw.items() if key not in apart}
        form = self.problems.validated(document, (), SettingsForm, settings, {"folder": document.folder})
        entries = list(self._entries(document, raw))
        sources = [read_source(entry, self.problems) for entry in self._unique(entries)]
        self._one_policy([source for source in sources if source])
        sinks = self._sinks(document, raw, {entry.name for entry in entries})
        # If a file could not be read, its source is not missing: the file's own problem is enough.
        if not entries and not self.unread and "activity" not in raw:
            self.problems.add(document, (), "there is no source: add one under sources, or a file that include matches")
        if form and form.activity:
            for path, sentence in contradictions(form.activity, form.state):
                self.problems.add(document, ("activity", *path), sentence)
        problems = self.problems.lines()
        if problems or form is None:
            raise ConfigError(*problems)
        return Settings(
            path=document.folder / self.path.name,
            target=self._target(form),
            state=form.state,
            sources={source.name: source for source in sources if source},
            workers=form.workers,
            notify=form.notify,
            # A port stays as it is; the path of a socket becomes absolute.
            listen=str(document.folder / form.listen) if form.listen and "/" in form.listen else form.listen,
            activity=form.activity,
            sinks={sink.name: sink for sink in sinks if sink},
            own_numbers=form.numbers.own,
            number_limits=NumberLimits(**form.numbers.at_most.model_dump()),
            document=document,
        )

    def _one_policy(self, sources: Sequence[Source]) -> None:
        """Note a policy for shared numbers that decides, and that not all sources have."""
        for source in sources:
            other = next((each for each in sources if each.shared_numbers != source.shared_numbers), None)
            if source.shared_numbers in DECIDING and other is not None and source.document is not None:
                sentence = (
                    f"is {source.shared_numbers}, and of the source {other.name!r} it is {other.shared_numbers}: a "
                    "policy that decides who has a number must be the same in all sources"
                )
                self.problems.add(source.document, (*source.prefix, "phones", "shared"), sentence)

    def _sinks(self, document: Document, raw: Mapping[str, Any], sources: Collection[str]) -> list[SinkSettings | None]:
        """Return the sinks; they and the sources share one name space, since commands take either."""
        found = raw.get("sinks")
        entries = (
            [Entry(name, document, ("sinks", name), content) for name, content in found.items()]
            if isinstance(found, dict)
            else []
        )
        for entry in entries:
            if entry.name in sources:
                self.problems.add(document, entry.prefix, f"a source is called {entry.name!r} too: rename one of them")
            elif not NAME.fullmatch(entry.name):
                self.problems.add(document, entry.prefix, _NO_NAME.format(what="sink"))
        if entries and "activity" not in raw:
            self.problems.add(document, ("sinks",), "get calls and messages, and none are fetched: add activity: {}")
        return [read_sink(entry, self.problems, sources) for entry in entries]

    def _document(self, path: Path) -> Document | None:
        try:
            root, flaws = read_tree(path)
        except NotYaml as error:
            self.problems.at(str(path), error.line, error.sentence)
            self.unread = True
            return None
        document = Document(str(path), path.parent.absolute(), root)
        for flaw in flaws:
            self.problems.add(document, flaw.path, flaw.sentence, line=flaw.line)
        return document

    def _plain(self, document: Document) -> Any:
        """Return the document as lists, dicts and scalars, its variables filled."""
        return document.root.plain(lambda path, node: self._filled(document, path, node))

    def _filled(self, document: Document, path: KeyPath, node: Node) -> Any:
        # Below options the word null may be a value: of a query's parameter, or to take an option of a preset away.
        if node.value is None and not (node.null and "options" in path[:-1]):
            self.problems.add(document, path, _no_value(document.root, path))
        if not isinstance(node.value, str):
            return node.value
        try:
            return self.variables.fill(node.value, document.folder)
        except NotFilled as error:
            is_key = path == ("target", "api_key") and document.name == str(self.path)
            if self.keyless and is_key and isinstance(error, NotSet):
                self.key_problem = f"{document.where(path)}: {error}"
                return _NO_KEY
            self.problems.add(document, path, str(error))
            return node.value

    def _target(self, form: SettingsForm) -> Target:
        if not self.key_problem:
            return form.target
        return form.target.model_copy(update={"api_key": Secret("", missing=self.key_problem)})

    def _entries(self, document: Document, raw: Mapping[str, Any]) -> Iterator[Entry]:
        """Yield every source in the order of the configuration, which also ranks the sources."""
        for key, value in raw.items():
            if key == "sources" and isinstance(value, dict):
                for name, content in value.items():
                    yield Entry(name, document, ("sources", name), content)
            elif key == "include":
                patterns = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
                for index, pattern in patterns:
                    yield from self._included(document, ("include", *([] if index is None else [index])), pattern)

    def _included(self, document: Document, path: KeyPath, pattern: Any) -> Iterator[Entry]:
        if not isinstance(pattern, str) or not pattern:
            return
        pattern = os.path.expanduser(pattern)  # noqa: PTH111 - pathlib's raises for ~nobody
        matches = glob(pattern, root_dir=document.folder)  # noqa: PTH207 - takes absolute patterns too
        for name in sorted(matches) if has_magic(pattern) else [pattern]:
            file = self.path.parent / name
            # `include: "*.yaml"` matches the configuration itself too.
            if file.absolute() == document.folder / self.path.name:
                continue
            if _is_file(file):
                if included := self._document(file):
                    yield Entry(file.stem, included, (), self._plain(included))
            elif not has_magic(pattern):
                self.unread = True
                written = locate(document.root, path)[2].value
                self.problems.add(document, path, f"there is no file {str(written)!r} in {self.path.parent}")

    def _unique(self, entries: list[Entry]) -> Iterator[Entry]:
        first: dict[str, Entry] = {}
        for entry in entries:
            known = first.setdefault(entry.name, entry)
            if known is not entry:
                other = known.document.where(known.prefix).rstrip(": ")
                sentence = f"a second source is called {entry.name!r}; the first stands in {other}: rename one of them"
                self.problems.add(entry.document, entry.prefix, sentence)
            elif not NAME.fullmatch(entry.name):
                self.problems.add(entry.document, entry.prefix, _NO_NAME.format(what="source"))
            yield entry


def _no_value(root: Node, path: KeyPath) -> str:
    # YAML reads {name} without quotes as a mapping with the key `name` and no value.
    if path and locate(root, path[:-1])[2].flow:
        return 'has no value: write one; a template is put in quotes ("{column}")'
    return 'has no value: write one, or leave the key out ("" is an empty text)'
