"""Whose certificates are believed: the variables that OpenSSL, Requests and curl read for it."""

from __future__ import annotations

import os
import re
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path

from syncd.surroundings.circumstances import trouble

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The variables; the first that is set counts. The first names a file, the second folders, the others either."""

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""The name under which OpenSSL looks for a certificate in a folder."""


def named_authorities(environ: Mapping[str, str] = os.environ) -> ssl.SSLContext | None:
    """Return a context that believes the certificates a variable names; None if no variable names any.

    Raises:
        ConfigError: a variable names something that holds no certificate, also a variable that does not count.
    """
    found = [_context(name, environ[name]) for name in VARIABLES if environ.get(name)]
    return found[0] if found else None


def _context(variable: str, value: str) -> ssl.SSLContext:
    folders = [Path(each) for each in value.split(os.pathsep)] if variable == "SSL_CERT_DIR" else []
    if not folders and variable != "SSL_CERT_FILE" and os.path.isdir(value):  # noqa: PTH112 (false for a NUL)
        folders = [Path(value)]
    if folders:
        _look_at_folders(variable, value, folders)
        return ssl.create_default_context(capath=value)
    place = f"${variable} ({value})"
    try:
        mode = Path(value).stat().st_mode
        if stat.S_ISDIR(mode):
            raise trouble("certificates", place, "this is a folder")
        # A device may be read without end.
        if not stat.S_ISREG(mode):
            raise trouble("certificates", place, "this is no file")
        return ssl.create_default_context(cafile=value)
    except (FileNotFoundError, NotADirectoryError):
        raise trouble("certificates", place, "there is no such file") from None
    except ssl.SSLError:
        raise trouble("certificates", place) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is no name of a file"
        raise trouble("certificates", place, f"the file cannot be read ({why})") from None


def _look_at_folders(variable: str, value: str, folders: list[Path]) -> None:
    try:
        there = [folder for folder in folders if folder.is_dir()]
        hashed = any(_HASHED.fullmatch(file.name) for folder in there for file in folder.iterdir())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is no name of a folder"
        raise trouble("certificate_folder", f"${variable} ({value})", f"the folder cannot be read ({why})") from None
    if not there:
        raise trouble("certificate_folder", f"${variable} ({value})", "there is no such folder")
    if not hashed:
        raise trouble("certificate_folder", f"${variable} ({value})")
