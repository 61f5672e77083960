"""The names of the columns that syncd adds to a frame of contacts.

All begin with ``@``, so that they cannot be taken for a field of the target
(:func:`syncd.core.schema.problems_of_mapping` refuses a mapped field with such a name).

| column | type | holds |
|---|---|---|
| ``@row`` | UInt32 | the position of the row in its read, from 0 |
| ``@key`` | String | the row's key; null when the row has none |
| ``@line`` | UInt32 | the line (or number) of the row in its origin |
| ``@origin`` | UInt32 | the number of the origin in the read's list of origins |
| ``@state`` | UInt8 | 0 contact, 1 invalid, 2 excluded |
| ``@reason`` | String | why the row is invalid or excluded; null for a contact |
| ``@warning`` | String | a warning about a contact that is sent; else null |
| ``@match`` | String | the contact's match values in canonical form, joined by U+001F |
| ``@digest`` | Int64 | the digest of the mapped, normalised contact |
| ``@raw`` | Int64 | the digest of the row as it was read; null if every read must map the row again |

Every other column of a frame of contacts is a field of the target: String, null if the contact leaves the target's
value alone, "" if it clears the value.
"""

ROW, KEY, LINE, ORIGIN, STATE = "@row", "@key", "@line", "@origin", "@state"
REASON, WARNING, MATCH, DIGEST, RAW = "@reason", "@warning", "@match", "@digest", "@raw"

# Numbers, since a frame has one of them for each row of a source.
CONTACT, INVALID, EXCLUDED = 0, 1, 2
"""The values of ``@state``."""

# The mapping lets no control character through, so no value contains this one.
UNIT = "\x1f"
"""Joins the parts of a composite key and of a match value."""
