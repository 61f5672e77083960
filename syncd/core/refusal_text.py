"""The text of a refusal: the target's own words, without the contact's data that they quote."""

from __future__ import annotations

import re
from typing import Any

from syncd.core.schema import Schema

# Words of error messages, lower case. No name, town or street that is likely in a contact may be added.
_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a above after all allowed already an and any are as at be because before below between blank by cannot
        character characters configured contact contacts contain contains could data different digit digits does
        duplicate duplicated each either empty error exceed exceeded exceeds exist existing exists expected fail failed
        failure field fields for format found greater has have id in incorrect integer internal invalid is it large
        least length less letters limit long longer match matches max maximum may min minimum missing more most must
        name no non not null number numbers object of on one only or other phone present processed provided record
        rejected required request row same server set short shorter should string such text than that the there this to
        too type unexpected unique unknown unsupported up update valid validation value values was while with without
        wrong you""",
    )
)
_PIECES = re.compile(r"[^\W_]+(?:[_'’-][^\W_]+)*|[^\w\s]+|\s+|_+")
_LONGEST = 300


def reason(item: Any, schema: Schema) -> str:
    """Say why a row was refused, from an item of ``errors[]`` or from the envelope of an error (guide: Errors).

    The target's message may quote the row, or another contact that it conflicts with. So only the usual words of error
    messages, the names of fields and short numbers are kept; "…" replaces everything else.
    """
    kind, message = _type_and_message(item)
    names = {word for name in schema.names for word in name.split()}
    pieces = _PIECES.findall(message[:_LONGEST])
    shown = "".join(piece if _safe(piece, names, first=not at) else "…" for at, piece in enumerate(pieces))
    shown = re.sub(r"…(?:[\s\W]*…)+", "…", shown).strip()
    parts = ": ".join(part for part in (kind, shown if any(map(str.isalpha, shown)) else "") if part)
    return f"refused by Vocatech: {parts}" if parts else "refused by Vocatech, which gave no reason"


def _safe(piece: str, names: set[str], *, first: bool) -> bool:
    if not piece[0].isalnum():
        return True
    # A capital letter inside a sentence begins a name: "May" is a person, "may" is a word.
    word = piece[0].lower() + piece[1:] if first else piece
    return word in _WORDS or piece in names or (piece.isdecimal() and len(piece) <= 3)


def _type_and_message(item: Any, depth: int = 0) -> tuple[str, str]:
    """Return the type and the message of an error, from the error itself or from an error inside it."""
    if isinstance(item, str):
        return "", item
    if not isinstance(item, dict) or depth > 2:
        return "", ""
    nested = item.get("error", item.get("errors"))
    if isinstance(nested, list):
        nested = nested[0] if nested else None
    kind, message = _type_and_message(nested, depth + 1)
    own = item.get("type")
    own_kind = own if isinstance(own, str) and re.fullmatch(r"[A-Z][A-Z_]{2,63}", own) else ""
    own_message = next((item[name] for name in ("message", "reason", "detail") if isinstance(item.get(name), str)), "")
    return own_kind or kind, own_message or message
