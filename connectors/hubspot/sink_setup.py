"""Checks an account for deliveries, and makes the unique properties that they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from connectors.hubspot.account import Session
from connectors.hubspot.answers import REFUSED, ScopeMissing
from connectors.hubspot.api import Api, Record
from connectors.hubspot.sink_fields import BODY, CONTACTS
from connectors.hubspot.sink_links import LINK_TYPES, Links
from connectors.hubspot.sink_names import Names
from syncd.errors import SinkInvalid
from syncd.sink import OF_RECORDINGS, Note, SinkRules, unknown_names

UNIQUE = "vocatech_id"
"""The property of ours that holds an activity's identity."""

CREATION_KEY = "hs_unique_creation_key"
"""HubSpot's own property for the same, if it can be written."""

Definitions = Mapping[str, Record]
MakeNames = Callable[[Session, Mapping[str, Definitions]], Names]


def unique_of(definitions: Definitions) -> str:
    """Return the unique property that holds identities; "" if the account has none."""
    if definitions.get(UNIQUE, {}).get("hasUniqueValue") is True:
        return UNIQUE
    key = definitions.get(CREATION_KEY, {})
    metadata = key.get("modificationMetadata")
    is_writable = isinstance(metadata, dict) and metadata.get("readOnlyValue") is False
    return CREATION_KEY if key.get("hasUniqueValue") is True and is_writable else ""


def refuse_rules(rules: SinkRules) -> None:
    """Refuse what HubSpot cannot do.

    Raises:
        SinkInvalid: transcripts by the API, a recording's address that is no https, a name that no row has.

    """
    if rules.calls is None:
        return
    if rules.calls.transcript == "api":
        raise SinkInvalid(
            "calls.transcript: api does not work with HubSpot: its transcripts belong to public apps, and need the time"
            " of each utterance, which Vocatech does not tell; say body or none"
        )
    address = rules.calls.recording
    if address and not address.startswith("https://"):
        raise SinkInvalid("calls.recording: HubSpot plays recordings at https addresses only: begin it with https://")
    for option, names in (
        ("title", unknown_names(rules.calls.title)),
        ("recording", unknown_names(address, *OF_RECORDINGS)),
    ):
        if names:
            raise SinkInvalid(f"calls.{option}: no call has a column {names[0]!r}: see syncd activity list --json")


class Setup:
    """Looks at one account. ``kinds``: those of the records that are delivered; ``name``: the sink's, for a remedy."""

    def __init__(self, session: Session, kinds: Sequence[str], name: str) -> None:
        self._session = session
        self._command = f"syncd activity prepare {name}"
        self._api = Api(session)
        self._kinds = kinds

    def check(self, rules: SinkRules, make_names: MakeNames) -> list[Note]:
        """Prove that the key may do all that a delivery does, and return what a person should know.

        Raises:
            ScopeMissing: the key lacks scopes.
            SourceError: HubSpot does not answer, or refuses the key.

        """
        definitions = self._require_scopes()
        names = make_names(self._session, definitions)
        notes = [note for kind in self._kinds for note in self._about(kind, definitions[kind])]
        notes += _about_names(rules, names)
        if rules.contacts is None:
            notes.append(Note("contacts is not set, so no record is linked to a contact: name the HubSpot source"))
        return notes

    def prepare(self) -> list[Note]:
        """Make the unique properties that are missing, and return what was made, or could not be made.

        Raises:
            SinkInvalid: the property is there and is not unique, which cannot be changed.
            SourceError: HubSpot does not answer, or refuses the key.

        """
        notes = [self._prepared(kind, self._api.definitions(kind)) for kind in self._kinds]
        return [note for note in notes if note]

    def _prepared(self, kind: str, definitions: Definitions) -> Note | None:
        if unique_of(definitions) == UNIQUE:
            return None
        if UNIQUE in definitions:
            raise SinkInvalid(
                f"{kind} have a property {UNIQUE} that is not unique, and HubSpot cannot change that: archive it in"
                f" HubSpot's settings under Properties, then run {self._command} again"
            )
        body = {
            "name": UNIQUE,
            "label": "Vocatech id",
            "description": "The id of the call or message at Vocatech. syncd finds the record by it.",
            "groupName": definitions.get(BODY[kind], {}).get("groupName") or kind.removesuffix("s"),
            "type": "string",
            "fieldType": "text",
            "hasUniqueValue": True,
        }
        answer = self._session.ask("POST", self._session.paths.properties(kind), json=body, refusable=True, finish=True)
        if answer.verdict != REFUSED:
            return Note(f"made the unique property {UNIQUE} of {kind}", good=True)
        words = self._session.judge.words(answer)
        if unique_of(definitions):
            return Note(f"HubSpot makes no unique property of {kind}{words}; {CREATION_KEY} is used", good=True)
        return Note(f"HubSpot makes no unique property of {kind}{words}: {_LIMITS}")

    def _require_scopes(self) -> dict[str, Definitions]:
        """Return the definitions of properties; raise one ScopeMissing with every scope that the key lacks."""
        missing: list[ScopeMissing] = []
        definitions: dict[str, Definitions] = {}
        for kind in self._kinds:
            try:
                definitions[kind] = self._api.definitions(kind)
            except ScopeMissing as error:
                missing.append(error)
        for ask in (self._read, self._write):
            try:
                ask()
            except ScopeMissing as error:
                missing.append(error)
        if missing:
            needs = dict.fromkeys(scopes for each in missing for scopes in each.needs)
            raise ScopeMissing(list(needs), missing[0].words)
        return definitions

    def _read(self) -> None:
        # A read of the id 1 proves that the key may read; the record need not exist.
        for kind in (*self._kinds, CONTACTS):
            self._api.read(kind, ["1"], ())

    def _write(self) -> None:
        # An empty batch writes nothing. HubSpot refuses it, but a key without the scope it refuses before that.
        for kind in self._kinds:
            path = f"{self._session.paths.objects(kind)}/batch/update"
            self._session.ask("POST", path, json={"inputs": []}, refusable=True)

    def _about(self, kind: str, definitions: Definitions) -> Iterator[Note]:
        unique = unique_of(definitions)
        if unique:
            yield Note(f"{kind} are delivered exactly once, by the unique property {unique}", good=True)
        elif UNIQUE in definitions:
            yield Note(f"the property {UNIQUE} of {kind} is not unique: archive it, and run {self._command}")
        else:
            yield Note(f"{kind} have no unique property: run {self._command}; without one, {_LIMITS}")
        type_id = Links(self._session, kind).type_now()
        if type_id not in (None, LINK_TYPES[kind]):
            yield Note(f"links of {kind} to contacts have the type {type_id} in this account", good=True)


_LIMITS = "a delivery whose answer is lost waits until HubSpot's search shows the record"


def _about_names(rules: SinkRules, names: Names) -> Iterator[Note]:
    unknown = names.unknown_owners() if rules.owners else []
    if names.denied:
        yield Note(f"owners cannot be looked up, so e-mail addresses are not found: {names.denied}")
    elif unknown:
        listed = ", ".join(f"owners.{each}" for each in unknown[:5])
        yield Note(f"HubSpot has no such owner, so these records get none: {listed}")
    unknown = names.unknown_outcomes() if rules.outcomes else []
    if unknown:
        listed = ", ".join(f"outcomes.{each}" for each in unknown[:5])
        yield Note(f"HubSpot has no such outcome: {listed}; it has: {', '.join(names.outcome_names())}")
