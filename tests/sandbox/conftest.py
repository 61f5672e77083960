from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from syncd.sandbox.server import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(limits=None) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with client_of(sandbox) as client:
        yield client


# Without certificates, whose loading takes longer than most of the tests.
def client_of(sandbox: Sandbox) -> httpx.Client:
    return httpx.Client(
        base_url=sandbox.url, headers={"Authorization": f"Bearer {sandbox.key}"}, timeout=5, verify=False
    )
