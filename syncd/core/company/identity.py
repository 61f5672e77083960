"""Which company a state file belongs to: the address, the key's fingerprint and the numbers of the contact fields.

None of the three names the company for ever: a key is rotated, an address moves, a field is made again. So a new one
is no other company yet; :mod:`syncd.core.company.evidence` says what proves that it is the same.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Self

from syncd.core.schema import Schema

_SHOWN = 16  # hexadecimal digits of a fingerprint: two keys of one state differ in them

ADDRESS, KEY, FIELDS = "the address", "the key", "the numbers of the contact fields"
"""The parts of an identity, as messages name them."""


@dataclass(frozen=True, slots=True)
class Company:
    """The company whose contacts a state file holds.

    ``fingerprint``: of the API key, made with ``salt``; the key cannot be worked out from it. ``fields``: the numbers
    of the company's contact fields. ``proved_at``: when a run last proved that the target is this company, or began
    with it, in Unix seconds. A state of an earlier version knows only the address: then the rest is None or empty.
    """

    address: str
    fingerprint: str | None = None
    salt: str = ""
    fields: tuple[int, ...] = ()
    proved_at: float | None = None

    def dump(self) -> str:
        """Return the identity as the state stores it."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, stored: str) -> Self:
        """Return the identity of a stored text."""
        found = json.loads(stored)
        return cls(**{**found, "fields": tuple(found["fields"])})


def news(known: Company | None, now: Company) -> list[str]:
    """Return the parts of the identity that are new; both are made with the same salt. None: nothing is known."""
    known = known or Company("")
    pairs = {
        ADDRESS: known.address != now.address,
        KEY: known.fingerprint != now.fingerprint,
        FIELDS: known.fields != now.fields,
    }
    return [part for part, is_new in pairs.items() if is_new]


def numbers_of(schema: Schema) -> tuple[int, ...]:
    """Return the numbers of the company's contact fields, in ascending order."""
    return tuple(sorted(field.id for field in schema.fields if field.id))


def fingerprint(key: str, salt: str) -> str:
    """Return the fingerprint of an API key: the beginning of an HMAC-SHA256, in hexadecimal digits."""
    return hmac.new(salt.encode(), key.encode(), "sha256").hexdigest()[:_SHOWN]


def refusal(path: str, address: str, new: Collection[str], asked: int) -> str:
    """Say that a state file is of another company than the target, and name both ways out."""
    missed = "the one known contact is not there" if asked == 1 else f"none of {asked} known contacts is there"
    return (
        f"{path}: this state file belongs to another company than the one at {address}. New since the last run: "
        f"{', '.join(new)}; and {missed} under its id and with its values. Nothing was sent. For "
        "another company, set state: to another file. If it is the same company, emptied or restored from a backup, "
        "run: syncd state accept"
    )


def other_company(backup: Company | None, now: Company | None, address: str, key: str | None) -> str:
    """Return why a backup of a state is another company's, or "" if it may be restored.

    Args:
        backup: the company of the backup; None: the backup was never used.
        now: the company of the state that it would replace; None: there is none, or it was never used.
        address: of the configured target.
        key: the configured API key; None: it is not known.
    """
    if backup is None:
        return ""
    if backup.fingerprint is None:
        return "" if backup.address == address else f"it is of the company at {backup.address}"
    same_key = key is not None and fingerprint(key, backup.salt) == backup.fingerprint
    if same_key or (now is not None and _is_earlier(backup, now, key)):
        return ""
    # Without a key, the next run proves by the key, or by the contacts, which company it is.
    if key is None and now is None and backup.address == address:
        return ""
    unsure = ", and without the API key nobody can tell whether that is the configured one" if key is None else ""
    return f"it is of the company at {backup.address} (key {backup.fingerprint}){unsure}"


def _is_earlier(backup: Company, now: Company, key: str | None) -> bool:
    """Tell whether a backup is an earlier one of this state, whose key was rotated since."""
    # Each state has a salt of its own. An acceptance may have given the state to another company since, whose address
    # or fields differ.
    is_now = key is None or fingerprint(key, now.salt) == now.fingerprint
    alike = not now.fields or not backup.fields or not set(now.fields).isdisjoint(backup.fields)
    return now.salt == backup.salt and is_now and alike and backup.address == now.address
