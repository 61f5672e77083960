"""Makes, lists and deletes the endpoint. A secret is shown once, so each step is noted before the next.

A name is reserved before the endpoint is asked for, and the secret is in its file before anybody is told of success.
After a lost answer the endpoint is found by its name; nobody has its secret, so it is deleted and made again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex

from syncd.activity.receiving import secret_file
from syncd.activity.receiving.secret_file import Secrets
from syncd.activity.webhooks.api import Api, Endpoint, Wanted
from syncd.activity.webhooks.rows import ACTIVE, RESERVED, RETIRED, Row, Rows
from syncd.core.activity.signature import fingerprint
from syncd.errors import ConfigError, SyncdError

IN_FLIGHT = 3 * 3600.0
"""Seconds for which the secret of a deleted endpoint is accepted: the last repeated delivery comes after 2 h 36 min."""
FORGOTTEN = 86_400.0
"""Seconds after which a lost request makes no endpoint any more."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the configuration wants. ``name``: how the endpoint's name begins. ``file``: of the secrets."""

    name: str
    url: str
    events: tuple[str, ...]
    extensions: tuple[str, ...]
    file: Path | None

    def secrets(self) -> Path:
        """Return the file of the secrets.

        Raises:
            ConfigError: there is none.
        """
        if self.file is None:
            raise ConfigError("receive.secret_file: is not there: name a file into which the secret is written")
        return self.file


@dataclass(frozen=True, slots=True)
class Done:
    """``what``: ``created``, ``updated`` (``changed``: what of it) or ``unchanged``.

    ``removed``: the numbers of endpoints that were deleted since nobody has their secret.
    """

    what: str
    endpoint: Endpoint
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(slots=True)
class Admin:
    """The endpoints of this state.

    ``secrets``: those that the receiver accepts. ``clock``: Unix seconds. ``wait``: waits for so many seconds.
    """

    api: Api
    rows: Rows
    place: Place
    secrets: Secrets
    clock: Callable[[], float] = time.time
    wait: Callable[[float], object] = time.sleep
    removed: list[str] = field(default_factory=list)

    def create(self) -> Done:
        """Make the endpoint, or bring the one that is there to what is configured.

        Raises:
            ConfigError: an address or the file of the secret is missing, or cannot be written.
            SyncdError: the API refuses it, or does not answer.
        """
        file = self.place.secrets()
        secret_file.prove_writable(file)
        ours = self.active(self.tidied())
        usable = [each for each in ours if self.has_secret(each[0])]
        done = self._updated(*usable[-1]) if usable else Done("created", self.make())
        # The secrets of the others are lost, so nothing that they deliver can be proved.
        for row, old in ours:
            if (row, old) not in usable:
                self.api.delete(old.id)
                self.rows.remove(row.name)
                self.removed.append(old.id)
        return replace(done, removed=tuple(self.removed))

    def delete(self, number: str | None = None) -> list[str]:
        """Delete our endpoints, or the one of this ``number``; return the numbers of those that were there."""
        there = self.tidied()
        ours = [each for each in self.active(there) if number in {None, each[1].id}]
        # What is no endpoint is not asked for: it could be the address of something else.
        numbers = [each.id for _, each in ours] if number is None else [each for each in there if each == number]
        gone = [each for each in numbers if self.api.delete(each)]
        for row, _ in ours:
            self.retire(row)
        return gone

    def tidied(self) -> dict[str, Endpoint]:
        """Put away what earlier commands left half done; return the endpoints that are there, by id."""
        there = {each.id: each for each in self.api.endpoints()}
        for row in self.rows.all():
            self._tidy(row, there)
        return there

    def active(self, there: Mapping[str, Endpoint]) -> list[tuple[Row, Endpoint]]:
        """Return our endpoints that are there, the newest last; there are several while a secret is exchanged."""
        return [(row, there[row.id]) for row in self.rows.all(ACTIVE) if row.id and row.id in there]

    def has_secret(self, row: Row) -> bool:
        """Return whether the secret of an endpoint is in the file."""
        return row.secret_ref in self._fingerprints()

    def wanted(self, name: str) -> Wanted:
        """Return what an endpoint of this name should be."""
        return Wanted(name, self.place.url, self.place.events, self.place.extensions)

    def make(self) -> Endpoint:
        """Make an endpoint, write its secret, and return it."""
        wanted = self.wanted(f"{self.place.name}-{token_hex(3)}")
        row = Row(wanted.name, wanted.url, self._filters(), self.clock(), RESERVED)
        self.rows.put(row)
        made = self.api.create(wanted, again=lambda: self._remove_late(wanted.name))
        row = replace(row, id=made.id, secret_ref=fingerprint(made.secret.encode()))
        self.rows.put(row)
        try:
            self._keep(made.secret.encode())
        except SyncdError:
            # The next command finds it by its name, if this fails too.
            self.api.delete(made.id)
            self.rows.remove(row.name)
            raise
        self.rows.put(replace(row, state=ACTIVE))
        return replace(made, secret="")

    def retire(self, row: Row) -> None:
        """Note that an endpoint is deleted; deliveries under way are accepted for a while."""
        self.rows.put(replace(row, state=RETIRED, created=self.clock()))

    def drop(self, row: Row) -> None:
        """Forget an endpoint and refuse its secret from now on."""
        file = self.place.file
        if file and self.has_secret(row):
            left = [secret for secret in secret_file.read(file) if fingerprint(secret) != row.secret_ref]
            secret_file.write(file, left)
        self.rows.remove(row.name)

    def _tidy(self, row: Row, there: dict[str, Endpoint]) -> None:
        age = self.clock() - row.created
        if row.state == RETIRED and age > IN_FLIGHT:
            self.drop(row)
        elif row.state == ACTIVE and row.id not in there:
            # Somebody has deleted it.
            self.retire(row)
        elif row.state == RESERVED:
            if row.id in there and self.has_secret(row):
                # The process ended between the last two steps.
                self.rows.put(replace(row, state=ACTIVE))
            elif not self._remove_orphans(row.name, there) and age > FORGOTTEN:
                self.rows.remove(row.name)

    def _remove_late(self, name: str) -> None:
        """Delete what an attempt made whose answer was lost, before the next attempt."""
        self._remove_orphans(name, {each.id: each for each in self.api.endpoints()})

    def _remove_orphans(self, name: str, there: dict[str, Endpoint]) -> bool:
        """Delete the endpoints of a reserved name, whose secret nobody knows; return whether there were any."""
        orphans = [each.id for each in there.values() if each.name == name]
        for number in orphans:
            self.api.delete(number)
            del there[number]
            self.removed.append(number)
        return bool(orphans)

    def _updated(self, row: Row, endpoint: Endpoint) -> Done:
        name = row.name
        if not re.fullmatch(re.escape(self.place.name) + "-[0-9a-f]{6}", name):
            name = f"{self.place.name}-{token_hex(3)}"
        wanted = self.wanted(name)
        changed = tuple(endpoint.differences(wanted))
        if not changed:
            return Done("unchanged", endpoint)
        self.api.update(endpoint.id, wanted)
        self.rows.put(replace(row, name=name, url=wanted.url, filters=self._filters()))
        if name != row.name:
            self.rows.remove(row.name)
        now = replace(endpoint, name=name, url=wanted.url, events=wanted.events, extensions=wanted.extensions)
        return Done("updated", now, changed)

    def _filters(self) -> str:
        return json.dumps({"events": self.place.events, "extensions": self.place.extensions})

    def _keep(self, secret: bytes) -> None:
        file = self.place.secrets()
        # The newest first, since most deliveries will be its.
        secret_file.write(file, [secret, *(each for each in self._known() if each != secret)])

    def _known(self) -> list[bytes]:
        try:
            return secret_file.read(self.place.file) if self.place.file else []
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(
                f"receive.secret_file: {self.place.file}: cannot be read ({error.strerror}); let syncd's user read it"
            ) from None

    def _fingerprints(self) -> set[str]:
        return {fingerprint(secret) for secret in self._known()}
