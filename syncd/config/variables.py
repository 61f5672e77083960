"""Fills variables: ``${NAME}``, ``${file:PATH}`` and ``${credential:NAME}``; ``$${`` stands for ``${``.

A value may be a secret. Each value is remembered with its variable, so that a message can show the variable instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_FILE = 65_536
MAX_TOTAL = 1_000_000
"""Bounds: the bytes of one file, and the characters of all values together."""

_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<kind>file:|credential:)?(?P<name>[^{}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9_.@-]*")


class NotFilled(Exception):
    """A variable has no usable value; the message names it, and the remedy."""


class NotSet(NotFilled):
    """The variable is well formed but not set in this process; a service or cron may set it."""


@dataclass(slots=True)
class Variables:
    """The values of variables. ``seen``: each value that was filled, with the variable as the file writes it."""

    environ: Mapping[str, str]
    seen: dict[str, str] = field(default_factory=dict)
    _total: int = 0

    def fill(self, text: str, folder: Path) -> str:
        """Return ``text`` with its variables replaced; a relative ``${file:…}`` is looked up in ``folder``.

        Raises:
            NotFilled: a variable is not set, not readable, not text, or too long.

        """
        if "${" not in text:
            return text
        return _VARIABLE.sub(lambda match: self._value(match, folder), text)

    def hide(self, text: str) -> str:
        """Return ``text`` with every filled value replaced by its variable."""
        # A message may hold the value as repr() shows it, with escapes.
        forms = {form: written for value, written in self.seen.items() for form in (value, repr(value)[1:-1])}
        if not forms:
            return text
        # One value may begin with another: replaced first, the shorter one would leave the rest of the longer in sight.
        longest_first = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        return re.sub(longest_first, lambda match: forms[match[0]], text)

    def _value(self, match: re.Match[str], folder: Path) -> str:
        written = match[0]
        if written == "$${":
            return "${"
        kind, name = match["kind"], match["name"] or ""
        if kind == "file:":
            value = _content(folder / name, written)
        elif kind == "credential:":
            value = self._credential(name, written)
        else:
            value = self._environment(name)
        self._total += len(value)
        if self._total > MAX_TOTAL:
            raise NotFilled(f"{written} makes the configuration larger than {MAX_TOTAL:,} characters")
        # Python shows bytes of the environment that are not UTF-8 as half surrogates; SQLite and JSON refuse them.
        if re.search("[\0\ud800-\udfff]", value):
            raise NotFilled(f"{written} is not text: it holds a NUL, or is not in UTF-8")
        if value:
            self.seen[value] = written
        return value

    def _environment(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise NotFilled("a ${ begins no variable: write ${NAME}, ${file:PATH} or ${credential:NAME}, or $${ for ${")
        if name not in self.environ:
            raise NotSet(f"the environment variable {name} is not set: set it, or use ${{file:PATH}}")
        return self.environ[name]

    def _credential(self, name: str, written: str) -> str:
        # The name is a file's name inside systemd's folder: a slash could leave the folder.
        if not _CREDENTIAL.fullmatch(name):
            raise NotFilled(f"{written} names no credential: write ${{credential:NAME}}")
        folder = self.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise NotSet(f"{written} needs systemd: add LoadCredential={name}:PATH to the unit, or use ${{NAME}}")
        return _content(Path(folder) / name, written)


def _content(path: Path, written: str) -> str:
    try:
        if path.is_dir():
            raise NotFilled(f"{written}: this is a folder: name a file in it")
        if not path.is_file():
            raise NotFilled(f"{written}: there is no such file")
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
        if len(raw) > MAX_FILE:
            raise NotFilled(f"{written} is larger than {MAX_FILE:,} bytes")
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotFilled(f"{written} is not in UTF-8") from None
    except (OSError, ValueError) as error:
        raise NotFilled(f"{written} cannot be read: {getattr(error, 'strerror', None) or 'not a path'}") from None
    return text.removesuffix("\n").removesuffix("\r")
