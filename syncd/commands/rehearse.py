"""``syncd sandbox``: a target on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from syncd.errors import ConfigError


def serve_sandbox(*, port: int, data: Path | None, limits: str, dialects: Sequence[str], seed: int, key: str) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        ConfigError: a value is not usable.
    """
    chosen = dict(map(_pair, dialects))
    from syncd.sandbox.limits import parse_limits
    from syncd.sandbox.server import serve

    serve(port=port, data=data, limits=parse_limits(limits), dialects=chosen, seed=seed, key=key)
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"--dialect {text!r}: write NAME=VALUE, such as update=replace")
    return name, value
