"""Which error the HTTP client raises for which failure: a source's errors differ from the target's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from syncd import errors


@dataclass(frozen=True, slots=True)
class Failures:
    """How one server's failures are worded and raised.

    ``who`` is the server's name in messages. ``key`` tells a person what to do if the key is refused. ``refused``
    makes an error of a message and the HTTP status (0: nothing was sent). ``unavailable`` makes an error of a message
    and a flag: whether an attempt may have been carried out. ``denied`` makes an error of a message. ``moved`` makes an
    error of a message and the status of a redirect. ``address``: the setting that holds the server's address;
    ``is_base``: it holds where paths begin, and not the whole address of a request.
    """

    who: str
    key: str
    refused: Callable[[str, int], errors.SyncdError]
    unavailable: Callable[[str, bool], errors.SyncdError]
    denied: Callable[[str], errors.SyncdError] = errors.AccessDenied
    moved: Callable[[str, int], errors.SyncdError] = lambda message, status: errors.TargetMoved(message, status=status)
    address: str = "target.base_url"
    is_base: bool = True


# Every source needs the target's key, so a refused one raises AccessDenied, which stops the whole run.
TARGET = Failures(
    who="Vocatech",
    key="check target.api_key; a new key comes from the portal's integrations area or from support@vocatech.com",
    refused=lambda message, status: errors.TargetRefused(message, status=status),
    unavailable=lambda message, in_doubt: errors.TargetUnavailable(message, in_doubt=in_doubt),
)


class Place(NamedTuple):
    """A source or a sink, in the words of :class:`Failures`."""

    who: str
    key: str
    address: str
    is_base: bool


def source_failures(who: str, *, key: str, address: str = "options.base_url", is_base: bool = True) -> Failures:
    """Return the failures of one source; a connector gives them to its client."""
    kinds = errors.SourceInvalid, errors.SourceUnavailable, errors.SourceDenied
    return _of_place(Place(who, key, address, is_base), *kinds)


def sink_failures(who: str, *, key: str, address: str = "options.base_url", is_base: bool = True) -> Failures:
    """Return the failures of one sink; a connector gives them to its client."""
    kinds = errors.SinkInvalid, errors.SinkUnavailable, errors.SinkDenied
    return _of_place(Place(who, key, address, is_base), *kinds)


def _of_place(
    place: Place,
    invalid: type[errors.PlaceInvalid],
    unavailable: type[errors.PlaceUnavailable],
    denied: type[errors.PlaceDenied],
) -> Failures:
    # A refused key of a source or a sink must not be an AccessDenied: that stops all of them.
    return Failures(
        who=place.who,
        key=place.key,
        refused=lambda message, _status: invalid(message),
        unavailable=lambda message, in_doubt: unavailable(message, in_doubt=in_doubt),
        denied=denied,
        moved=lambda message, _status: invalid(message),
        address=place.address,
        is_base=place.is_base,
    )
