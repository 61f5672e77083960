"""The real proxies that stand before a receiver, with the configurations that the documents show."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.worlds.certificates import Certificates
from tests.worlds.patience import PATIENCE
from tests.worlds.ports import free_port

PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "webhooks.md"

GLOBAL = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"


def shown(kind: str) -> str:
    """The configuration of ``kind`` (``caddy``, ``nginx``) that the page shows."""
    [text] = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(text)


@contextmanager
def caddy(folder: Path, made: Certificates, receiver: str) -> Iterator[str]:
    """Caddy as the page shows it; gives the address of its server."""
    program, port = _program("caddy"), free_port()
    # A certificate of an authority of the tests takes the place of one that Caddy fetches.
    text = shown("caddy").replace(
        "hooks.example.com {", f"https://localhost:{port} {{\n\ttls {made.certificate} {made.key}"
    )
    file = folder / "Caddyfile"
    file.write_text(GLOBAL + text.replace("127.0.0.1:9188", receiver))
    homes = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with _running([program, "run", "--config", str(file), "--adapter", "caddyfile"], folder, port, homes):
        yield f"https://localhost:{port}"


@contextmanager
def nginx(folder: Path, made: Certificates, receiver: str, *changes: tuple[str, str]) -> Iterator[str]:
    """Nginx as the page shows it, with ``changes`` of its text; gives the address of its server."""
    program, port = _program("nginx"), free_port()
    text = shown("nginx")
    places = (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("hooks.example.com;", "localhost;"),
        ("/etc/ssl/hooks.pem", str(made.certificate)),
        ("/etc/ssl/hooks.key", str(made.key)),
        ("127.0.0.1:9188", receiver),
    )
    for old, new in (*places, *changes):
        assert old in text, old
        text = text.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    file = folder / "nginx.conf"
    http = f"access_log off;\n{folders}{text}"
    # As the user of the tests: the folder of a test is closed to others.
    user = "user root;\n" if Path(folder).owner() == "root" else ""
    file.write_text(f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{http}}}\n")
    with _running([program, "-c", str(file), "-p", str(folder)], folder, port, {"PATH": "/usr/bin:/bin"}):
        yield f"https://localhost:{port}"


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"no {name}")
    return found


@contextmanager
def _running(line: Sequence[str], folder: Path, port: int, environ: dict[str, str]) -> Iterator[None]:
    log = folder / "proxy.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(line, stdout=errors, stderr=errors, env=environ, cwd=folder)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
