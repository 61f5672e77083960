"""``syncd run`` behind a gateway that answers in place of an API, and at an address that an API has left."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.commands import Command, errors
from tests.worlds.hostile import Hostile, answer, head, hostile
from tests.worlds.world import FIELDS, TENANTS

PAGE = b"<!DOCTYPE html><html><title>Just a moment...</title></html>"
SECRET = "test-secret"


def options(kind: str, url: str) -> dict[str, Any]:
    if kind == "hubspot":
        return {"base_url": url, "service_key": "pat-na1-12345678"}
    auth: dict[str, Any] = {"headers": {"Authorization": "Bearer {key}"}}
    if kind == "token":
        auth = {"oauth2": {"token_url": f"{url}/token", "grant": "client_credentials", "client_id": "me"}}
        auth["oauth2"] |= {"client_secret": "{key}", "tokens": "tokens.json"}
    return {"base_url": url, "request": {"path": "/people"}, "secrets": {"key": SECRET}, "auth": auth}


def configured(folder: Path, url: str, kind: str) -> None:
    (folder / "tenants.csv").write_text("id,name,phone\n1,P,2125550100\n")
    source = TENANTS
    if kind != "target":
        connector = "hubspot" if kind == "hubspot" else "rest"
        source = {"connector": connector, "options": options(kind, url), "key": "id", "mapping": TENANTS["mapping"]}
    target = {"api_key": "test-key", "base_url": f"{url}/v1", "limits": []}
    (folder / "syncd.yaml").write_text(json.dumps({"target": target, "sources": {"tenants": source}}))


def ran(
    folder: Path, syncd: Command, kind: str, *lines: str, status: int, body: bytes = b""
) -> tuple[int, str, Hostile]:
    """Run against a server that answers ``kind`` of requests by these lines, and all others well."""

    def script(connection: socket.socket, request: str) -> None:
        if request.endswith("/v1/contacts/fields") and kind != "target":
            answer(connection, {"fields": FIELDS})
        else:
            connection.sendall(head(*lines, status=status, length=len(body)) + body)

    with hostile(script) as server:
        configured(folder, server.url, kind)
        code, _, err = syncd("--config", str(folder / "syncd.yaml"), "run")
    return code, " ".join(errors(err)), server


KINDS = ["target", "rest", "token", "hubspot"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [401, 403, 429, 503, 200])
def test_a_gateway_s_page_is_temporary(tmp_path: Path, syncd: Command, kind: str, status: int) -> None:
    code, err, _ = ran(tmp_path, syncd, kind, "Server: cloudflare", "CF-Mitigated: challenge", status=status, body=PAGE)
    assert code == 4
    assert "a gateway's page, not the API's answer" in err
    assert "key" not in err


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_by_the_api_itself_is_the_key_s(tmp_path: Path, syncd: Command, kind: str, status: int) -> None:
    code, _, _ = ran(tmp_path, syncd, kind, status=status, body=b'{"message": "no such key"}')
    assert code == 3


@pytest.mark.parametrize(
    ("kind", "path", "written"),
    [
        ("target", "/v2/contacts/fields", "https://new.example.com/v2 in target.base_url"),
        ("rest", "/api/people", "https://new.example.com/api in options.base_url"),
        ("token", "/id/token", "https://new.example.com/id/token in options.auth.oauth2.token_url"),
        ("hubspot", "/crm/properties/2026-09/contacts", "https://new.example.com in options.base_url"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_names_the_address_to_write(
    tmp_path: Path, syncd: Command, kind: str, path: str, written: str, status: int
) -> None:
    where = f"Location: https://new.example.com{path}?token={SECRET}"
    code, err, server = ran(tmp_path, syncd, kind, where, status=status)
    assert code == 2
    assert f"write {written}" in err
    assert SECRET not in err
    assert len(server.asked) <= 2
