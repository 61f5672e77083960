"""The one mask of foreign text: the words of a server, a driver or the target, without the data that they quote.

Only the usual words of error messages, known names (of fields, of columns) and short numbers are kept; "…" replaces
everything else. A list of what is a person's data could never be complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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
        wrong you

        access account active address administrator again allow always ambiguous another api app application argument
        attribute authenticate authenticated authentication authorization authorized bad base because belong belongs
        body bytes call called calls cast cell change changed check client code collection column columns comma
        comparison compared condition conflict connect connection constraint content context convert converted could
        create created credentials current customer database date day days deactivated deadlock decode default defined
        delete deleted denied deny deprecated detail disabled do does doesn't don't during element enabled endpoint
        engine enter entity entry environment every exception execute execution expects expired expires export
        expression false feature file filter first folder forbidden foreign form full function functions given got
        granted group grouped had header headers host hour hours http https id identifier if ignored implicit import
        inactive index input insert inside instance instead insufficient into join json key keys kind last later left
        level line list lists locked logged login make many mapping matching maybe member merge method minute minutes
        mismatch misuse mode module moment needs next nonexistent nor nothing now null numeric object objects off
        offset ok old once operation operator option order out page parameter parameters parse part parts password path
        per perform period permission permissions please position primary privilege privileges problem procedure
        properties property provide query quota range rate reached read reason records recognized refers refresh
        refused relation remove repeated request requests requires resource response result retry returned revoked role
        rows schema scope scopes second seconds secret see select session set sign since size some sorry sort source
        start started statement status still stop strict supported syntax system table tables temporarily terminated
        text then these this those through time times timeout timestamp token tokens transaction transform true try two
        type types unable unauthorized undefined understood unfortunately unhandled union unit unreachable until
        update updated url use used user using utf valid version via view violated violates was way we when where
        which who whole why with within write written yes yet your zero zone
        been being gone here lack lacks lacking oauth says service thing things there vendor apikey

        aggregate alias aliases arguments bigint binary boolean cast char clause collation collations compile
        conversion converting datatype datetime decimal double dropped expressions float grouping illegal int integers
        literal mix nesting nullable numeric nvarchar operand operands overflow placement recursive referenced reserved
        returns sensitive signed smallint subquery tinyint unsigned usage varchar""",
    )
)
_CAPITALISED = frozenset(
    re.findall(
        r"\w+",
        """API Access Bad Denied Error Exception Expired Forbidden Found Gone Internal Invalid Key Missing Not Odoo
        Permission Request Required Server Service Session Timeout Token Unauthorized Unavailable Unknown""",
    )
)
"""Words that begin with a capital letter inside some messages, and that are nobody's name."""

# Names of rights, and codes that a vendor's support asks for.
_KEPT = r"[a-z_]+(?:\.[a-z_]+)*\.(?:read|write|readonly|all)\b|AADSTS\d+"
_PIECES = re.compile(rf"{_KEPT}|" r"[^\W_]+(?:(?:_+|['’-])[^\W_]+)*|[^\w\s]+|\s+|_+")
LONGEST = 300
"""The most characters of a foreign text that are looked at."""

_NUMBER = re.compile(r"(?<!AADSTS)(?<!\d)[+(]*\d(?:[\s().,\-–—/\u2010-\u2015\u00a0]*\d){4,}")
"""Five digits or more, however a telephone number may be written."""

_FEW_DIGITS = 6
"""So many digits of a text at most are shown: more may be a telephone number in pieces."""


def reason(item: Any, schema: Schema) -> str:
    """Say why a row was refused, from an item of ``errors[]`` or from the envelope of an error (guide: Errors).

    The target's message may quote the row, or another contact that it conflicts with.
    """
    kind, message = _type_and_message(item)
    shown = quoted(message, schema.names)
    parts = ": ".join(part for part in (kind, shown) if part)
    return f"refused by Vocatech: {parts}" if parts else "refused by Vocatech, which gave no reason"


def quoted(text: str, names: Iterable[str] = ()) -> str:
    """Return a foreign text on one line, masked; ``names``: what may be shown besides the words of error messages.

    It is "" if nothing is left to read, also for a text that is longer than a message.
    """
    known = {word for name in names for word in (name, *re.findall(r"\w+", name))}
    line = " ".join("".join(each if each.isprintable() else " " for each in text[:LONGEST]).split())
    pieces = _PIECES.findall(_NUMBER.sub("…", line))
    digits = sum(len(piece) for piece in pieces if piece.isdecimal()) <= _FEW_DIGITS
    shown = "".join(
        piece if _safe(piece, known, first=not at, digits=digits) else "…" for at, piece in enumerate(pieces)
    )
    shown = re.sub(r"…(?:[\s\W]*…)+", "…", shown).strip()
    return shown if any(map(str.isalpha, shown)) else ""


def _safe(piece: str, names: set[str], *, first: bool, digits: bool) -> bool:
    if not piece[0].isalnum():
        return True
    # A capital letter inside a sentence begins a name: "May" is a person, "may" is a word.
    word = piece[0].lower() + piece[1:] if first else piece
    if word in _WORDS or piece in names or piece in _CAPITALISED or re.fullmatch(_KEPT, piece):
        return True
    return digits and piece.isdecimal() and len(piece) <= 3


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
