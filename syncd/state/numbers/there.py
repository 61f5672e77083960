"""Which contacts of the ledger are at the target, and which values they have there: conditions and columns of SQL."""

from __future__ import annotations

DISPLACED = "another contact was sent in its place"
"""Why a contact is pending whose id is another contact's now."""

# The triggers of the index of numbers have the same condition for a row alone: a change here needs a migration there.
# What another contact's row says of this id is asked only of the few contacts that are not accepted.
THERE = (
    "fields <> '{}' AND (status = 'accepted' OR (remote_id IS NOT NULL"
    f" AND reason IS NOT '{DISPLACED}' AND NOT EXISTS (SELECT 1 FROM contact AS other"
    " WHERE other.remote_id = contact.remote_id AND other.status = 'accepted')))"
)
"""Of a row of ``contact``: the target has the contact, as far as the ledger knows."""

VALUES = "coalesce(returned, fields)"
"""The fields that it has there, a JSON object: those that the target answered, if they differ from what was sent."""

# Few contacts of many are open: without the hint SQLite would look at all contacts.
FROM_OPEN = "FROM contact INDEXED BY contact_open WHERE status <> 'accepted' AND remote_id IS NOT NULL"
"""The contacts of which another contact's row may say that they are not there."""

STANDING = "numbers.standing"
"""The name of the fact that there is an index of numbers: of which phone fields, and the newest change before it."""

MORE = "unsent.more."
"""Begins the name of the fact that a source has more rows that are not sent than the state keeps."""
