"""Words that people of several countries write beside telephone numbers, in lower case."""

from __future__ import annotations

# fmt: off
LABELS = frozenset({
    "anexo", "arbeit", "buero", "bureau", "büro", "c", "casa", "cel", "cell", "cellphone", "cellulaire",
    "cellulare", "celular", "contact", "d", "desk", "dienstlich", "direct", "domicile", "durchwahl", "dw", "e",
    "evening", "ext", "extension", "extn", "f", "fax", "fest", "festnetz", "fixe", "fixo", "g", "geschäftlich",
    "gsm", "h", "handy", "home", "i", "k", "l", "land", "landline", "line", "m", "main", "mob", "mobiel", "mobil",
    "mobile", "mobiltelefon", "movil", "móvil", "night", "no", "nr", "nst", "num", "number", "numéro", "o", "off",
    "office", "oficina", "p", "personal", "ph", "phone", "portable", "poste", "primary", "priv", "privat",
    "private", "privé", "r", "ramal", "res", "residence", "s", "sms", "switchboard", "t", "tel", "telefon",
    "telefone", "telefono", "telefoon", "telephone", "teléfono", "thuis", "toestel", "trabajo", "travail", "tél",
    "téléphone", "ufficio", "v", "voice", "voicemail", "voip", "w", "werk", "whatsapp", "wk", "work", "x",
    "zentrale", "дом", "моб", "раб", "тел", "手机", "携帯", "電話", "전화",
})
# fmt: on
"""Words beside a number that say only which kind of number it is."""
LIST_WORDS = frozenset({"a", "and", "e", "en", "et", "i", "o", "of", "oder", "or", "ou", "u", "und", "y", "и", "или"})
EXTENSION_WORDS = (
    r"extensions?|extensi[oó]n|extens[aã]o|ext[ns]?|xtn|x|#|anexo|interno?|int|доб(?:авочный)?|вн(?:утр(?:енний)?)?|postes?|ramal|ramais|rml"
    r"|durchwahl|nebenstelle|nst|dw|apparat|app|toestel|tst|wew(?:n(?:[eę]trzny)?)?|linka|klapka|kl|mell[eé]k|dahili"
    r"|anknytning|ankn|lokal(?:nummer)?|lok|内線|内|分机|分機|转接?|轉接?|내선|εσωτ(?:ερικ[οό])?"
)
"""Words before an extension, as a part of a regular expression."""
