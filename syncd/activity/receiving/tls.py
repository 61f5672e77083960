"""The receiver's own certificate, taken in again when its files change."""

from __future__ import annotations

import os
import ssl

import structlog

from syncd.errors import ConfigError

log = structlog.get_logger()


class Certificate:
    """``context`` serves the newest certificate and key that fit each other.

    Raises:
        ConfigError: they cannot be read, or do not fit.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._files = certificate, key
        self._seen = self._state()
        try:
            self.context = _context(*self._files)
        except (OSError, ssl.SSLError) as error:
            why = getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__
            raise ConfigError(
                f"receive.tls: {certificate} and {key}: cannot be used ({why}); name a certificate and its key, in PEM "
                "form and without a password"
            ) from None

    def renew(self) -> None:
        """Take the files in if they have changed; new connections get the new certificate."""
        state = self._state()
        if state == self._seen:
            return
        try:
            # First on the side: a new certificate whose key is not there yet must not spoil the old pair.
            _context(*self._files)
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError):
            # Looked at again when the next of the two files changes.
            log.warning("the certificate and its key cannot be used yet; the old ones stay", file=self._files[0])
        else:
            log.info("certificate renewed", file=self._files[0])
        self._seen = state

    def _state(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(file) for file in self._files)


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
