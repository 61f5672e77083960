"""``syncd webhook check`` names what stands between the public address and the store; with the real proxies."""

from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.activity.webhooks.conftest import Company
from tests.worlds.certificates import Certificates, certificates
from tests.worlds.ports import free_port
from tests.worlds.proxies import caddy, nginx
from tests.worlds.quick_answers import QuickAnswers
from tests.worlds.receiver import PATH, SECRET


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Certificates of ``localhost`` whose authority is trusted."""
    found = certificates(tmp_path / "certificates", os.geteuid(), "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(found.authority))
    return found


@pytest.fixture
def up(company: Company) -> Company:
    """The company with a secret and a receiver that runs, at the path of the documents."""
    (company.receiver.folder / "webhook.secret").write_bytes(SECRET + b"\n")
    company.receiver.start()
    return company


def stages(company: Company, url: str | None = None) -> dict[str, Any]:
    """The problem of each stage that was reached."""
    if url is not None:
        company.receiver.receive["url"] = url
    code, said = company.syncd("check")
    found = {each["stage"]: each["problem"] for each in said["stages"]}
    assert code == (3 if any(found.values()) else 0)
    return found


def last(company: Company, url: str | None = None) -> tuple[str, str]:
    """The stage that is reached last, and its problem."""
    *_, (stage, problem) = stages(company, url).items()
    return stage, problem or ""


CLEAR = {"dns": None, "connection": None, "store": None, "size": None}
"""The stages of an address without TLS."""
ALL = CLEAR | {"tls": None}


def test_the_receiver_alone_has_no_tls_that_could_be_good(up: Company) -> None:
    assert stages(up) == CLEAR
    types = up.receiver.rows("SELECT type, outcome, length(raw) < 5000 FROM event")
    assert types == [("webhook.test", "new", 1)] * 2


def test_through_caddy_as_the_documents_show_it(up: Company, made: Certificates, tmp_path: Path) -> None:
    with caddy(tmp_path, made, f"127.0.0.1:{up.receiver.port}") as address:
        assert stages(up, f"{address}{PATH}") == ALL
        assert last(up, f"{address}/elsewhere")[0] == "path"
        up.receiver.stop()
        stage, problem = last(up, f"{address}{PATH}")
        assert stage == "proxy"
        assert "start syncd receive" in problem


def test_through_nginx_as_the_documents_show_it(up: Company, made: Certificates, tmp_path: Path) -> None:
    with nginx(tmp_path, made, f"127.0.0.1:{up.receiver.port}") as address:
        assert stages(up, f"{address}{PATH}") == ALL
        stage, problem = last(up, f"{address}/elsewhere")
        assert stage == "path"
        assert "status 404" in problem
        up.receiver.stop()
        stage, problem = last(up, f"{address}{PATH}")
        assert stage == "proxy"
        assert "start syncd receive" in problem


def test_through_nginx_to_a_unix_socket(company: Company, made: Certificates, tmp_path: Path) -> None:
    (tmp_path / "webhook.secret").write_bytes(SECRET + b"\n")
    company.receiver.receive["listen"] = str(tmp_path / "hooks.sock")
    company.receiver.start()
    with nginx(tmp_path, made, f"unix:{tmp_path}/hooks.sock") as address:
        assert stages(company, f"{address}{PATH}") == ALL


def test_a_proxy_that_takes_short_bodies_only(up: Company, made: Certificates, tmp_path: Path) -> None:
    short = ("client_max_body_size 4m", "client_max_body_size 9k")
    with nginx(tmp_path, made, f"127.0.0.1:{up.receiver.port}", short) as address:
        stage, problem = last(up, f"{address}{PATH}")
    assert stage == "size"
    assert "4 MiB" in problem


def test_a_certificate_of_nobody(
    up: Company, made: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with nginx(tmp_path, made, f"127.0.0.1:{up.receiver.port}") as address:
        stage, problem = last(up, f"{address}{PATH}")
    assert stage == "tls"
    assert "public authority" in problem


def test_no_tls_where_there_should_be(up: Company) -> None:
    assert last(up, f"https://127.0.0.1:{up.receiver.port}{PATH}")[0] == "tls"


def test_no_name_and_no_server(up: Company) -> None:
    assert last(up, "https://hooks.invalid/vocatech")[0] == "dns"
    assert last(up, f"https://127.0.0.1:{free_port()}/vocatech")[0] == "connection"


def test_the_receiver_has_another_secret(up: Company) -> None:
    up.receiver.receive["secret"] = ["s-5550177"]
    stage, problem = last(up)
    assert stage == "signature"
    assert "another secret" in problem


def test_another_program_answers(up: Company) -> None:
    class Polite(QuickAnswers, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Polite) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        stage, problem = last(up, f"http://127.0.0.1:{server.server_port}{PATH}")
        server.shutdown()
    assert stage == "path"
    assert "nothing is stored here" in problem


def test_without_a_secret_there_is_nothing_to_send(company: Company) -> None:
    code, said = company.syncd("check")
    assert code == 2
    assert "syncd webhook create" in said["error"]["message"]


def test_a_path_beyond_ascii(up: Company) -> None:
    url = f"http://127.0.0.1:{up.receiver.port}/anrufe/größe%20a"
    assert last(up, url) == ("path", stages(up)["path"])
    assert "let the proxy lead it to the receiver" in stages(up)["path"]
