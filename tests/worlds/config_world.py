"""A small connector, and a folder of configuration files, for the tests of the configuration."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Literal

import pytest
from pydantic import SecretStr, field_validator

from syncd.config import Settings, Source, load
from syncd.errors import ConfigError
from syncd.source import LocalPath, Options

KEY = {"VOCATECH_API_KEY": "k-5550100"}

TARGET = """\
target:
  api_key: ${VOCATECH_API_KEY}
"""

SOURCE = """\
connector: csv
options: {path: tenants.csv}
key: tenant_id
mapping:
  Phone: [mobile]
"""


class FakeOptions(Options):
    path: LocalPath
    delimiter: Literal["comma", "tab"] = "comma"
    skip: int = 0
    password: SecretStr | None = None
    columns: frozenset[str] = frozenset()
    greeting: str = ""

    @field_validator("greeting")
    @classmethod
    def _is_polite(cls, value: str) -> str:
        if value.startswith("rude"):
            raise ValueError(f"{value!r} is not polite")
        return value


class FakeCsv:
    OPTIONS = FakeOptions


def csv_options(source: Source) -> FakeOptions:
    """Return the options of a source that has the small connector."""
    if not isinstance(source.options, FakeOptions):
        raise TypeError(source.connector)
    return source.options


class World:
    """Configuration files in one folder, loaded with the environment ``environ``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("syncd.source.CONNECTORS", {"csv": "tests.worlds.config_world:FakeCsv"})
        self.folder = folder
        self.environ = dict(KEY)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return path

    def load(self, text: str | bytes) -> Settings:
        return load(self.write("syncd.yaml", text), self.environ)

    def problems(self, text: str | bytes) -> list[str]:
        """Return the problems of a configuration without the folder's name; [] if it loads."""
        try:
            self.load(text)
        except ConfigError as error:
            return [problem.replace(f"{self.folder}/", "") for problem in error.problems]
        return []

    def source(self, **keys: str) -> Source:
        """Return the one source of a valid configuration, with some keys replaced or added."""
        return self.load(self.one_source(**keys)).sources["tenants"]

    def source_problems(self, **keys: str) -> list[str]:
        return self.problems(self.one_source(**keys))

    @staticmethod
    def one_source(**keys: str) -> str:
        known = {"connector": "csv", "options": "{path: t.csv}", "key": "id", "mapping": "{Phone: mobile}", **keys}
        lines = [f"    {key}: {value}" for key, value in known.items()]
        return "\n".join([TARGET.strip(), "sources:", "  tenants:", *lines])
