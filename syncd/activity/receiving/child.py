"""The short-lived child of the receiver: reads the configuration, makes the store, prints the settings, and ends.

``python -m syncd.activity.receiving.child [FILE]``. Its standard output is a pipe to the receiver.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from syncd.activity.receiving.plain import Plain
from syncd.config import Settings, find, load
from syncd.errors import ConfigError, SyncdError
from syncd.report.error_text import message_of, say_error
from syncd.report.exit_code import code_of
from syncd.run.ringing import door_of


def plain_of(settings: Settings) -> Plain:
    """Return what the receiver needs of the settings.

    Raises:
        ConfigError: nothing is received.
    """
    activity = settings.activity
    if activity is None or activity.receive is None:
        raise ConfigError(
            f"{settings.path}: nothing is received: add receive: {{url: …, secret_file: …}} under activity:"
        )
    receive = activity.receive
    return Plain(
        listen=receive.listen,
        store=str(activity.store),
        wake=door_of(settings.state),
        path=unquote(urlsplit(receive.url or "").path),
        secrets=tuple(each.reveal() for each in receive.secret),
        secret_file=str(receive.secret_file or ""),
        tolerance=receive.tolerance,
        certificate=str(receive.tls.cert) if receive.tls else "",
        key=str(receive.tls.key) if receive.tls else "",
    )


def main(arguments: Sequence[str]) -> int:
    """Print the settings as JSON; return the exit code."""
    from syncd.activity.store.store import ActivityStore

    try:
        # Whoever only receives needs no key of the API.
        plain = plain_of(load(find(Path(arguments[0]) if arguments else None), keyless=True))
        # The store is made, or brought up to date, here: the receiver itself knows its one table only.
        ActivityStore(Path(plain.store)).close()
    except (SyncdError, OSError) as error:
        say_error(message_of(error))
        return code_of(error)
    # The receiver may have ended meanwhile, and then nobody reads it.
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), plain.to_json().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
