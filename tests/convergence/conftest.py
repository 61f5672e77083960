"""Fixtures of the convergence tests."""

from __future__ import annotations

import pytest

import syncd.source


@pytest.fixture(autouse=True)
def _shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the connector over tables in memory."""
    connectors = {**syncd.source.CONNECTORS, "shelf": "tests.convergence.shelf:Shelf"}
    monkeypatch.setattr(syncd.source, "CONNECTORS", connectors)
