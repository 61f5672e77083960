"""The options of a source or a sink, read by the model of its connector or of the sink itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from syncd.config.forms import SourceForm
from syncd.config.problems import Document, Problems
from syncd.config.sink_forms import SinkForm
from syncd.config.tree import KeyPath
from syncd.config.yaml_tree import read_plain
from syncd.core.wording import nearest
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.source import Options


@dataclass(frozen=True, slots=True)
class Entry:
    """A source or a sink as a file writes it: ``raw`` is its value with the variables filled."""

    name: str
    document: Document
    prefix: KeyPath
    raw: Any


@dataclass(frozen=True, slots=True)
class Choice:
    """The key that says which class reads the options.

    ``what``: the key, and the word for it. ``form``: the model around it. ``find``: returns the class of a name, or
    raises ConfigError; ``names``: all names.
    """

    what: str
    form: type[BaseModel]
    find: Callable[[str], Any]
    names: Callable[[], list[str]]


def _connector(name: str) -> Any:
    # Imported here: Polars and the connectors take long to import.
    from syncd.source import connector_class

    return connector_class(name)


def _connectors() -> list[str]:
    from syncd.source import connector_names

    return connector_names()


def _sink(name: str) -> Any:
    from syncd.sink import sink_class

    return sink_class(name)


def _sinks() -> list[str]:
    from syncd.sink import sink_names

    return sink_names()


CONNECTOR = Choice("connector", SourceForm, _connector, _connectors)
SINK = Choice("sink", SinkForm, _sink, _sinks)


def options_of(entry: Entry, problems: Problems, choice: Choice) -> Options | None:
    """Return ``options`` as the model of the chosen class reads them; None if they, or the form around, are wrong."""
    raw = entry.raw if isinstance(entry.raw, Mapping) else {}
    name, options = raw.get(choice.what), raw.get("options", {})
    # The form takes a number for a text.
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        return None
    try:
        model = _chosen(str(name), choice).OPTIONS
    except ConfigError as error:
        problems.add(entry.document, (*entry.prefix, choice.what), problems.hide(str(error)))
        return None
    # The form has noted these problems already: a second message about missing options would mislead.
    if not isinstance(options, Mapping) or _are_misspelt(raw, choice):
        return None
    # Connectors and sinks may not import the configuration, so its YAML reader is handed to them.
    context = {"folder": entry.document.folder, "read_yaml": read_plain}
    return problems.validated(entry.document, (*entry.prefix, "options"), model, options, context)


def _are_misspelt(raw: Mapping[str, Any], choice: Choice) -> bool:
    """Return whether the key ``options`` is missing, and another key looks like a misspelling of it."""
    others = (str(key) for key in raw if key not in choice.form.model_fields)
    return "options" not in raw and any("'options'" in nearest(key, choice.form.model_fields) for key in others)


def _chosen(name: str, choice: Choice) -> Any:
    # One may be named that is not installed: this is a problem of the file, with its place.
    try:
        return choice.find(name)
    # One of another package may import a library that is not installed.
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the {choice.what} {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{error}{nearest(name, choice.names())}") from None
