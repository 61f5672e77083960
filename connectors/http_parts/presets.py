"""Presets: the options of a REST source or sink for one vendor, as YAML files beside the code.

A preset names the ``vars`` and ``secrets`` that it needs, with a text for each. The configuration's own options replace
those of the preset, key by key; a list is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    """One vendor. ``needs``: a text for each option that a person must give, by its place (``secrets.token``)."""

    options: Mapping[str, Any]
    needs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Presets:
    """The presets in ``folder``."""

    folder: Path

    # The reader is an argument, since only the configuration may know YAML (tests/test_imports.py).
    def get(self, name: str, read_yaml: Callable[[Path], Any]) -> Preset:
        """Return the preset ``name``, one of :meth:`names`."""
        content = read_yaml(self.folder / f"{name}.yaml")
        needs = {f"{part}.{key}": text for part, keys in content.get("needs", {}).items() for key, text in keys.items()}
        return Preset(content["options"], needs)

    def names(self) -> list[str]:
        """Return the names of all presets, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.yaml"))


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``over`` on top of ``under``: mappings are merged at every level, all else is replaced."""
    result = dict(under)
    for key, value in over.items():
        # null takes an option of the preset away: some presets have a header that another sign-in must not send.
        if value is None:
            result.pop(key, None)
            continue
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return result
