"""The receiver's own certificate: half-written and mismatched files, and the times before and after it is valid."""

from __future__ import annotations

import shutil
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.activity.receiving.tls import SAID, Certificate
from syncd.errors import ConfigError
from tests.worlds.certificates import Certificates, self_signed

DAY = 86_400.0


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Certificates, Certificates]:
    folder = tmp_path_factory.mktemp("certificates")
    return self_signed(folder / "one"), self_signed(folder / "two")


class Served:
    """A pair of files that is served; ``now`` is the time after that of this machine, in days."""

    def __init__(self, folder: Path, pair: Certificates) -> None:
        self.certificate, self.key, self.days = folder / "cert.pem", folder / "cert.key", 0.0
        self.put(pair.certificate, pair.key)
        self.one = Certificate(str(self.certificate), str(self.key), lambda: time.time() + self.days * DAY)

    def put(self, certificate: Path | None = None, key: Path | None = None) -> None:
        for source, place in ((certificate, self.certificate), (key, self.key)):
            if source:
                shutil.copy(source, place)

    def tick(self) -> list[str]:
        with capture_logs() as lines:
            self.one.renew()
        return [line["event"] for line in lines]

    def shown(self) -> str:
        """Return the certificate that a client is shown."""
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        asks, answers = client.wrap_bio(back, there), self.one.context.wrap_bio(there, back, server_side=True)
        for side in (asks, answers, asks):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        return ssl.DER_cert_to_PEM_cert(asks.getpeercert(binary_form=True) or b"")


@pytest.fixture
def served(tmp_path: Path, pairs: tuple[Certificates, Certificates]) -> Served:
    return Served(tmp_path, pairs[0])


@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        ("one/cert.pem", "two/cert.key", "the key is another certificate's"),
        ("one/half.pem", "one/cert.key", "one of them is cut off"),
        ("one/cert.key", "one/cert.pem", "one of them is cut off"),
        ("one/none.pem", "one/cert.key", "No such file"),
        ("one", "one/cert.key", "Is a directory"),
    ],
)
def test_a_pair_that_cannot_be_used_says_why(
    pairs: tuple[Certificates, Certificates], certificate: str, key: str, why: str
) -> None:
    folder = pairs[0].certificate.parent.parent
    (folder / "one" / "half.pem").write_text(pairs[0].certificate.read_text()[:300])
    with pytest.raises(ConfigError, match=why) as found:
        Certificate(str(folder / certificate), str(folder / key))
    assert str(folder / certificate) in str(found.value)


def test_a_pair_that_is_written_bit_by_bit_serves_when_it_is_whole(
    served: Served, pairs: tuple[Certificates, Certificates]
) -> None:
    old, new = pairs
    whole = new.certificate.read_text()
    for part in (0, 200, len(whole) - 30):
        served.certificate.write_text(whole[:part])
        [said] = served.tick()
        assert said == "the certificate and its key cannot be used yet; the old ones stay"
        assert served.shown() == old.certificate.read_text()
        # Nothing changes, and nothing is said.
        assert served.tick() == []
    served.put(new.certificate)
    assert len(served.tick()) == 1
    assert served.shown() == old.certificate.read_text()
    served.put(key=new.key)
    assert served.tick() == ["certificate renewed"]
    assert served.shown() == whole


def test_files_that_are_gone_for_a_moment_change_nothing(served: Served, pairs: tuple[Certificates, Any]) -> None:
    served.certificate.unlink()
    served.tick()
    assert served.shown() == pairs[0].certificate.read_text()


def test_a_pair_that_changes_while_it_is_taken_in_is_looked_at_again(
    served: Served, pairs: tuple[Certificates, Certificates], monkeypatch: pytest.MonkeyPatch
) -> None:
    new, load = pairs[1], ssl.SSLContext.load_cert_chain
    served.put(new.certificate, new.key)

    def broken(context: ssl.SSLContext, *files: Any, **options: Any) -> None:
        if context is served.one.context:
            raise ssl.SSLError("the key is not written yet")
        load(context, *files, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", broken)
    assert served.tick() == []
    monkeypatch.undo()
    assert served.tick() == ["certificate renewed"]
    assert served.shown() == new.certificate.read_text()


def test_the_end_of_a_certificate_is_told_before_and_once(
    served: Served, pairs: tuple[Certificates, Certificates]
) -> None:
    assert served.tick() == []
    for days, said in ((3.0, "soon"), (8.9, None), (9.1, "over"), (20.0, None)):
        served.days = days
        assert served.tick() == ([SAID[said]] if said else [])
    served.days = 0.0
    served.put(pairs[1].certificate, pairs[1].key)
    assert served.tick() == ["certificate renewed"]


@pytest.mark.parametrize(("days", "said"), [(-2.0, "not yet"), (1.0, None), (10.0, "over")])
def test_a_certificate_that_is_not_valid_serves_and_is_told_at_the_start(
    tmp_path: Path, pairs: tuple[Certificates, Certificates], days: float, said: Any
) -> None:
    pair = pairs[0]
    with capture_logs() as lines:
        Certificate(str(pair.certificate), str(pair.key), lambda: time.time() + days * DAY)
    assert [line["event"] for line in lines] == ([SAID[said]] if said else [])
