"""Match keys: the value by which a pushed contact finds a stored one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable
from operator import itemgetter

from syncd.sandbox.dialects import Dialects
from syncd.sandbox.fields import Fields, Row

Key = Callable[[Row], Hashable]


def key_of(fields: Fields, dialects: Dialects) -> Key:
    """Return the function that makes a row's match key; without a match field all rows have the same key."""
    text = _text_form(dialects)
    forms = [(position, _phone_form(dialects) if position in fields.phones else text) for position in fields.match]
    # The common layout: with a bare text as key a push of a million contacts is much faster than with tuples.
    if len(forms) == 1:
        return _single(*forms[0])
    return lambda row: tuple(form(row[position]) if form else row[position] for position, form in forms)


Form = Callable[[str], str] | None


def _single(position: int, form: Form) -> Key:
    if form is None:
        return itemgetter(position)
    return lambda row: form(row[position])


def _text_form(dialects: Dialects) -> Form:
    # None if nothing changes the text: no call for each row then.
    forms: list[Callable[[str], str]] = []
    if dialects["match_trim"] == "trimmed":
        forms.append(str.strip)
    if dialects["match_case"] == "fold":
        forms.append(str.casefold)
    if dialects["match_unicode"] == "nfc":
        forms.append(lambda text: unicodedata.normalize("NFC", text))
    if dialects["match_letters"] != "exact":
        forms.append(_unaccented if dialects["match_letters"] == "unaccented" else _plain)
    return _chain(forms) if forms else None


def _unaccented(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each))


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, _unaccented(unicodedata.normalize("NFKC", text)).casefold()))


def _chain(forms: list[Callable[[str], str]]) -> Callable[[str], str]:
    def form(text: str) -> str:
        for step in forms:
            text = step(text)
        return text

    return form


def _phone_form(dialects: Dialects) -> Form:
    return _sorted_numbers if dialects["match_phone"] == "set" else None


def _sorted_numbers(text: str) -> str:
    return ";".join(sorted(set(text.split(";")))) if ";" in text else text
