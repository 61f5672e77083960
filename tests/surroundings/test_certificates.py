"""The variables that name whose certificates are believed."""

from __future__ import annotations

import os
from pathlib import Path

import certifi
import pytest

from syncd.errors import ConfigError
from syncd.surroundings.certificates import VARIABLES, named_authorities


def _places(folder: Path) -> dict[str, str]:
    (folder / "empty.pem").touch()
    (folder / "text.pem").write_text("no certificate\n")
    (folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe.pem")
    names = ("missing.pem", "empty.pem", "text.pem", "broken.pem", "folder", "pipe.pem", "text.pem/below")
    return {name: str(folder / name) for name in names} | {"device": "/dev/zero"}


@pytest.mark.parametrize("variable", VARIABLES)
def test_what_holds_no_certificate_is_named_with_its_variable(variable: str, tmp_path: Path) -> None:
    for name, place in _places(tmp_path).items():
        with pytest.raises(ConfigError) as raised:
            named_authorities({variable: place})
        assert str(raised.value).startswith(f"${variable} ({place}): "), name
        assert "unset the variable" in str(raised.value)


def test_a_variable_that_does_not_count_is_looked_at_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CURL_CA_BUNDLE"):
        named_authorities({"SSL_CERT_FILE": certifi.where(), "CURL_CA_BUNDLE": str(tmp_path / "none")})


def test_the_first_variable_counts_and_an_empty_one_is_none(tmp_path: Path) -> None:
    assert named_authorities({}) is None
    assert named_authorities(dict.fromkeys(VARIABLES, "")) is None
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        context = named_authorities({variable: certifi.where()})
        assert context is not None
        assert context.cert_store_stats()["x509_ca"] > 10


def test_several_folders_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_text(Path(certifi.where()).read_text())
    assert named_authorities({"SSL_CERT_DIR": f"/nowhere:{tmp_path}"}) is not None
    assert named_authorities({"REQUESTS_CA_BUNDLE": str(tmp_path)}) is not None
