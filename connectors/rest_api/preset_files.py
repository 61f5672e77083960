"""Presets: a REST source's options for one vendor, as YAML beside the code.

A preset says which ``vars`` and ``secrets`` it needs and what each of them is; whatever a source says besides takes the
place of what the preset says, key by key. A list takes the place of the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "presets"


@dataclass(frozen=True, slots=True)
class Preset:
    """One vendor. ``needs``: what a person must say, by its place (``secrets.token``), and what that is."""

    options: Mapping[str, Any]
    needs: Mapping[str, str]


def preset(name: str, read_yaml: Callable[[Path], Any]) -> Preset:
    """The preset called ``name``, one of :func:`preset_names`."""
    held = read_yaml(FOLDER / f"{name}.yaml")
    needs = {f"{part}.{key}": what for part, keys in held.get("needs", {}).items() for key, what in keys.items()}
    return Preset(held["options"], needs)


def preset_names() -> list[str]:
    """Every preset, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on top of ``under``: mappings are merged at every level, all else is replaced, null takes it away."""
    result = dict(under)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
            continue
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return result
