"""What the small HTTP servers of the tests have in common."""

from __future__ import annotations


class QuickAnswers:
    """Lets a ``BaseHTTPRequestHandler`` send head and body together and at once, and log nothing.

    Without it the body of each answer waits 40 ms, until the client has acknowledged the head.
    """

    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None: ...
