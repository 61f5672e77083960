"""The configuration of one company: YAML → frozen settings.

:func:`find` says which file it is, :func:`load` reads it and the sources it includes. Every error of every file is
reported at once, each with its file, line and key, and none with the value of a variable.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from syncd.budget import Window
from syncd.config.forms import Notify, SettingsForm, Target
from syncd.config.json_schema import json_schema
from syncd.config.problems import Document, Problems
from syncd.config.sources import Entry, Source, read_source
from syncd.config.tree import KeyPath, Node, locate
from syncd.config.values import Secret, parse_limits
from syncd.config.variables import NotFilled, NotSet, Variables
from syncd.config.yaml_tree import NotYaml, read_tree
from syncd.core.settings.durations import parse_duration
from syncd.core.settings.schedules import Cron, Every, Schedule
from syncd.errors import ConfigError

__all__ = [
    "Cron",
    "Every",
    "Notify",
    "Schedule",
    "Secret",
    "Settings",
    "Source",
    "Target",
    "Window",
    "find",
    "json_schema",
    "load",
    "parse_duration",
    "parse_limits",
]

NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
"""What a source may be called: a word that a command takes for nothing else."""

_NO_KEY = "-"
"""Stands for a key while the rest of the configuration is checked."""

PLACES = (Path("syncd.yaml"), Path("/etc/syncd/syncd.yaml"))
"""Where a configuration is looked for when none is named."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One company: ``path`` and ``state`` are absolute; ``sources`` by name, in the order of the configuration."""

    path: Path
    target: Target
    state: Path
    sources: Mapping[str, Source]
    workers: int = 2
    notify: Notify = field(default_factory=Notify)
    listen: str | None = None


def find(path: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration file: ``path``, else ``$SYNCD_CONFIG``, else the first of :data:`PLACES` that is there.

    Raises:
        ConfigError: it is not there; the message says where it was looked for.

    """
    named = environ.get("SYNCD_CONFIG")
    chosen = path or (Path(named) if named else None)
    if chosen is None:
        chosen = next((place for place in PLACES if _is_there(place)), None)
    if chosen is None:
        looked = " and ".join(str(place) for place in PLACES)
        raise ConfigError(f"there is no configuration: looked for {looked}; name one by --config FILE or $SYNCD_CONFIG")
    if not _is_there(chosen):
        by = "--config" if path else "$SYNCD_CONFIG"
        if _kind(chosen) == stat.S_IFDIR:
            raise ConfigError(f"{chosen}: this is a folder; {by} names a file: {chosen / 'syncd.yaml'}?")
        raise ConfigError(f"{chosen}: there is no such file, or it may not be looked at; {by} names it")
    return chosen


def _is_there(path: Path) -> bool:
    """Whether ``path`` is something to read; a folder that may not be looked into holds nothing."""
    return _kind(path) not in (None, stat.S_IFDIR)


def _kind(path: Path) -> int | None:
    """What ``path`` is, as the constants of :mod:`stat` tell it; None if there is nothing that may be looked at."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return None


def load(path: Path, environ: Mapping[str, str] = os.environ, *, keyless: bool = False) -> Settings:
    """Read the configuration in ``path`` and the sources it includes.

    ``keyless``: the target's key may be in a variable that is not set, since nothing will be sent.

    Raises:
        ConfigError: something is wrong; ``problems`` holds everything that is, a line each.

    """
    return _Loading(path, environ, keyless=keyless).settings()


class _Loading:
    """One reading of a configuration: the problems met so far, the variables filled in, and if a file was unread.

    ``no_key``: what is wrong with the target's key, where the command may do without.
    """

    def __init__(self, path: Path, environ: Mapping[str, str], *, keyless: bool) -> None:
        self.path = path
        self.keyless = keyless
        self.no_key = ""
        self.variables = Variables(environ)
        self.problems = Problems(self.variables.hide)
        self.unread = False

    def settings(self) -> Settings:
        document = self._document(self.path)
        raw = self._plain(document, (), document.root) if document else {}
        if document is None or not isinstance(raw, dict):
            raise ConfigError(*self.problems.lines())
        form = self._form(document, raw)
        entries = list(self._entries(document, raw))
        sources = [read_source(entry, self.problems) for entry in self._unique(entries)]
        if not entries and not self.unread:
            self.problems.add(document, (), "there is no source: add one under sources, or a file that include matches")
        found = self.problems.lines()
        if found or form is None:
            raise ConfigError(*found)
        return Settings(
            path=document.folder / self.path.name,
            target=self._target(form),
            state=document.folder / os.path.expanduser(form.state),  # noqa: PTH111 - pathlib's raises for ~nobody
            sources={source.name: source for source in sources if source},
            workers=form.workers,
            notify=form.notify,
            listen=_listen(document.folder, form.listen),
        )

    def _document(self, path: Path) -> Document | None:
        try:
            root, flaws = read_tree(path)
        except NotYaml as error:
            self.problems.at(str(path), error.line, error.what)
            self.unread = True
            return None
        document = Document(str(path), path.parent.absolute(), root)
        for flaw in flaws:
            self.problems.add(document, flaw.path, flaw.what, line=flaw.line)
        return document

    def _plain(self, document: Document, path: KeyPath, node: Node) -> Any:
        """``node`` as lists, dicts and scalars, its variables filled in."""
        if node.kind == "mapping":
            return {key: self._plain(document, (*path, key), item.node) for key, item in node.items.items()}
        if node.kind == "list":
            return [self._plain(document, (*path, key), item.node) for key, item in node.items.items()]
        if node.value is None:
            self.problems.add(document, path, _no_value(document.root, path))
        if not isinstance(node.value, str):
            return node.value
        try:
            return self.variables.fill(node.value, document.folder)
        except NotFilled as error:
            if self._may_lack(document, path, error):
                self.no_key = f"{document.where(path)}: {error}"
                return _NO_KEY
            self.problems.add(document, path, str(error))
            return node.value

    def _may_lack(self, document: Document, path: KeyPath, error: NotFilled) -> bool:
        is_key = path == ("target", "api_key") and document.name == str(self.path)
        return self.keyless and is_key and isinstance(error, NotSet)

    def _target(self, form: SettingsForm) -> Target:
        if not self.no_key:
            return form.target
        return form.target.model_copy(update={"api_key": Secret("", missing=self.no_key)})

    def _form(self, document: Document, raw: Mapping[str, Any]) -> SettingsForm | None:
        apart = isinstance(raw.get("sources"), dict)  # each source is checked by itself
        try:
            return SettingsForm.model_validate({k: v for k, v in raw.items() if k != "sources" or not apart})
        except ValidationError as error:
            self.problems.take(document, (), SettingsForm, error)
            return None

    def _entries(self, document: Document, raw: Mapping[str, Any]) -> Iterator[Entry]:
        """Every source, in the order of the configuration."""
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
            if file.absolute() == document.folder / self.path.name:
                continue
            if _is_there(file):
                if included := self._document(file):
                    yield Entry(file.stem, included, (), self._plain(included, (), included.root))
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
                what = f"a second source is called {entry.name!r}; the first stands in {other}: rename one of them"
                self.problems.add(entry.document, entry.prefix, what)
            elif not NAME.fullmatch(entry.name):
                what = "is no name for a source: use letters, digits, '.', '_' and '-'"
                self.problems.add(entry.document, entry.prefix, what)
            yield entry


def _listen(folder: Path, place: str | None) -> str | None:
    """A port as it is, the path of a socket absolute."""
    return str(folder / place) if place and "/" in place else place


def _no_value(root: Node, path: KeyPath) -> str:
    """What to say of a key without a value; ``{name}`` without quotes is such a key."""
    if path and locate(root, path[:-1])[2].flow:
        return 'has no value: write one; a template is put in quotes ("{column}")'
    return 'has no value: write one, or leave the key out ("" is an empty text)'
