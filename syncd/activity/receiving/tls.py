"""The receiver's own certificate, taken in again when its files change, and told of before and after it ends."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import structlog

from syncd.errors import ConfigError

log = structlog.get_logger()

SOON = 7 * 86_400.0
"""Seconds before its end from which on a certificate should have been renewed."""

Life = Literal["", "not yet", "soon", "over"]
"""Whether a certificate is valid: "" if it is, and for long."""

SAID = {
    "not yet": "the certificate is not valid yet, so nothing is delivered: compare this machine's clock",
    "soon": "the certificate ends soon: renew it; new files are taken in by themselves",
    "over": "the certificate has ended, so nothing is delivered: renew it; new files are taken in by themselves",
}

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL: the times are to be seen, not judged."""


_State = tuple[tuple[int, int, int] | None, ...]


class Valid(NamedTuple):
    """From when until when a certificate is valid, in Unix seconds."""

    begins: float
    ends: float


class Certificate:
    """``context`` serves the newest certificate and key that fit each other. ``clock``: Unix seconds.

    Raises:
        ConfigError: they cannot be read, or do not fit.
    """

    def __init__(self, certificate: str, key: str, clock: Callable[[], float] = time.time) -> None:
        self._files, self._clock = (certificate, key), clock
        self._seen: _State | None = self._state()
        try:
            self.context = _context(*self._files)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"receive.tls: {certificate} and {key}: cannot be used ({_why(error)}); name a certificate and its "
                "key, in PEM form and without a password"
            ) from None
        self._valid = _valid(self.context, certificate)
        self._told: Life = ""
        self._tell()

    def renew(self) -> None:
        """Take the files in if they have changed; new connections get the new certificate."""
        state = self._state()
        if state != self._seen:
            self._seen = state if self._taken() else None
        self._tell()

    def _taken(self) -> bool:
        """Take the files in; return False if they are to be looked at again although they do not change."""
        try:
            # First on the side: a new certificate whose key is not there yet must not spoil the old pair.
            fresh = _context(*self._files)
        except (OSError, ssl.SSLError) as error:
            log.warning(
                "the certificate and its key cannot be used yet; the old ones stay",
                file=self._files[0],
                why=_why(error),
            )
            return True
        try:
            self.context.load_cert_chain(*self._files, password="")
        except (OSError, ssl.SSLError):
            # They were replaced once more at this moment: half of the pair may be in force.
            return False
        self._valid, self._told = _valid(fresh, self._files[0]), ""
        log.info("certificate renewed", file=self._files[0])
        return True

    def _tell(self) -> None:
        life = _life(self._valid, self._clock())
        if life and life != self._told:
            level = log.warning if life == "soon" else log.error
            level(SAID[life], file=self._files[0])
        self._told = life

    def _state(self) -> _State:
        return tuple(_stamp(file) for file in self._files)


def _life(valid: Valid | None, now: float) -> Life:
    if valid is None:
        return ""
    if now < valid.begins:
        return "not yet"
    return "over" if now >= valid.ends else "soon" if now >= valid.ends - SOON else ""


def _valid(server: ssl.SSLContext, certificate: str) -> Valid | None:
    """Return when the certificate is valid, from a handshake in memory; None if that does not tell it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client.load_verify_locations(certificate)
        asks = client.wrap_bio(back, there)
        answers = server.wrap_bio(there, back, server_side=True)
        for side in (asks, answers, asks):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        shown = asks.getpeercert() or {}
        begins, ends = (ssl.cert_time_to_seconds(str(shown[name])) for name in ("notBefore", "notAfter"))
    except (OSError, ssl.SSLError, ValueError, KeyError):
        return None
    return Valid(float(begins), float(ends))


def _why(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError):
        return error.strerror or type(error).__name__
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is another certificate's"
    return "one of them is cut off, has a password, or is not in PEM form"


def _stamp(file: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116 (as fast as can be)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without the empty password, a key that has one would be asked for on the terminal.
    context.load_cert_chain(certificate, key, password="")
    return context
