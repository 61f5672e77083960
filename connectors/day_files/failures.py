"""What the system says of a folder or a file, as an error of a sink."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncd.errors import SinkError, SinkInvalid, SinkUnavailable

_SENTENCES: dict[int, tuple[type[SinkError], str]] = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT), (SinkUnavailable, "no room is left: make room on the disk, or raise its quota")
    ),
    errno.EFBIG: (SinkUnavailable, "a file may not grow so large: raise the limit of the system (ulimit -f)"),
    errno.ENOENT: (
        SinkUnavailable,
        "the folder around it is not there: mount the disk, make it, or name another folder",
    ),
    **dict.fromkeys(
        (errno.ENOTDIR, errno.EEXIST, errno.EISDIR),
        (SinkInvalid, "a file stands where a folder is needed, or a folder where a file is: move it, or name another"),
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM),
        (SinkInvalid, "may not be written by this user: give it the right to write, or name another folder"),
    ),
    errno.EROFS: (SinkInvalid, "the file system is read-only: mount it writable, or name another folder"),
    errno.ENAMETOOLONG: (SinkInvalid, "the name is too long: name another folder"),
    errno.ELOOP: (SinkInvalid, "its links lead in a circle: name another folder"),
}


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Raise an error of the system, in the block that uses ``place``, as one of the sink.

    Raises:
        SinkUnavailable: a later try may do.
        SinkInvalid: a person must act.
    """
    try:
        yield
    except OSError as error:
        raise failure(place, error) from None


def failure(place: Path, error: OSError) -> SinkError:
    """Return the error of the sink for an error of the system."""
    kind, sentence = _SENTENCES.get(
        error.errno or 0, (SinkUnavailable, f"cannot be written ({error.strerror or 'no reason'}): try again later")
    )
    return kind(f"{place}: {sentence}")
