"""A client of a running sandbox."""

from __future__ import annotations

import httpx

from syncd.sandbox.server import Sandbox
from tests.worlds.patience import PATIENCE


def client_of(sandbox: Sandbox) -> httpx.Client:
    """Return a client that is signed in at ``sandbox``."""
    # Loading the certificates takes longer than most of the tests, and loopback needs none.
    return httpx.Client(
        base_url=sandbox.url, headers={"Authorization": f"Bearer {sandbox.key}"}, timeout=PATIENCE, verify=False
    )
