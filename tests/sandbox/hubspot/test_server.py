"""The HubSpot fake as a server: its faults, its control paths and its command."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from syncd.errors import ConfigError
from syncd.sandbox.hubspot.server import HubSpot, serve
from tests.worlds.hubspot_account import LIST, account
from tests.worlds.patience import PATIENCE


class TestFaults:
    def test_one_strikes_an_operation_once(self) -> None:
        made = account()
        made.fake.arm({"kind": "limited", "policy": "DAILY", "path": "search"})
        assert made.client.get(LIST).status_code == 200
        assert made.client.post(f"{LIST}/search", json={}).json()["policyName"] == "DAILY"
        assert made.client.post(f"{LIST}/search", json={}).status_code == 200
        assert [entry.fault for entry in made.fake.requests] == [None, "limited", None]

    def test_a_status_has_the_envelope(self) -> None:
        made = account()
        made.fake.arm({"kind": "status", "status": 477, "retry_after": "3600"})
        answer = made.client.get(LIST)
        assert (answer.status_code, answer.headers["Retry-After"]) == (477, "3600")
        assert answer.json()["status"] == "error"

    def test_an_unknown_one_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="limited"):
            account().fake.arm({"kind": "limit"})


class TestServer:
    def test_it_answers_on_loopback_and_is_changed_by_its_control_paths(self) -> None:
        with (
            HubSpot(seed=5, limits=None) as fake,
            httpx.Client(base_url=fake.url, verify=False, timeout=PATIENCE) as client,
        ):
            client.headers["Authorization"] = f"Bearer {fake.key}"

            def control(method: str, path: str, body: Any = None) -> Any:
                return client.request(method, f"/_sandbox{path}", json=body).json()

            health = {"contacts": 5, "companies": 4, "calls": 0, "communications": 0, "requests": 0}
            assert control("GET", "/health") == {"status": "ok", **health}
            assert control("POST", "/contacts", {"phone": "2125550199"}) == {"id": 6}
            assert control("PATCH", "/contacts/6", {"fone": "1"})["category"] == "VALIDATION_ERROR"
            assert control("PATCH", "/contacts/6", {"firstname": "Bea"}) == {"id": 6}
            assert control("POST", "/companies", {"name": "Elm"}) == {"id": 5}
            assert control("POST", "/link", {"contact": "6", "company": "5"})["contact"] == "6"
            assert control("DELETE", "/contacts/1") == {"id": 1}
            assert control("POST", "/contacts/1/restore") == {"id": 1}
            assert control("POST", "/contacts/1/purge") == {"id": 1}
            assert control("POST", "/merge", {"primary": "2", "secondary": "3"}) == {"id": 7}
            assert control("DELETE", "/contacts/99")["category"] == "OBJECT_NOT_FOUND"
            assert control("POST", "/things", {})["category"] == "OBJECT_NOT_FOUND"
            assert control("PATCH", "/dialects", {"merge": "primary"})["merge"]["value"] == "primary"
            assert control("POST", "/faults", {"kind": "drop"})["faults"][0]["kind"] == "drop"
            with pytest.raises(httpx.TransportError):
                client.get(LIST)
            assert [each["id"] for each in client.get(LIST).json()["results"]] == ["4", "5", "6", "7"]
            assert control("POST", "/calls", {"hs_call_title": "Call"}) == {"id": 70_001}
            assert control("PATCH", "/calls/70001", {"hs_call_body": "Mine"}) == {"id": 70_001}
            assert control("PUT", "/owners", {"1": "ann@example.com"}) == {"1": "ann@example.com"}
            assert (
                client.post("/crm/objects/2026-09/calls/batch/archive", json={"inputs": [{"id": "70001"}]}).content
                == b""
            )
            assert control("PUT", "/scopes", []) == []
            assert client.get(LIST).status_code == 403
            log = control("GET", "/requests")["requests"]
            assert [(each["operation"], each["status"]) for each in log] == [
                ("list", 0), ("list", 200), ("batch_archive", 204), ("list", 403),
            ]  # fmt: skip

    def test_the_command_says_how_to_ask_it(self) -> None:
        told: list[str] = []
        leave = threading.Event()
        leave.set()
        serve(port=0, seed=2, say=told.append, until=leave)
        assert "service_key: pat-na1-sandbox" in "\n".join(told)
        assert "2 contacts" in told[0]
