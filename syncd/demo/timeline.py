"""The steps after the calls: a call is put where people look for it, once.

The company's CRM is a HubSpot account on this machine. Its contacts have the ids that the export has for keys, as if
the export came from it.
"""

from __future__ import annotations

from syncd.demo.calls import GLORIA, NUMBER, Calls
from syncd.demo.stage import Stage, promise
from syncd.report.exit_code import DONE
from syncd.sandbox.hubspot.server import HubSpot

CONFIGURATION = """\
sinks:
  crm:
    sink: hubspot
    options: {base_url: URL, service_key: KEY}
    contacts: tenants
  lake:
    sink: files
    options: {folder: lake, format: parquet}
"""

GLORIA_ID = 100_010


class Timeline:
    """The steps, in the order of the story. ``calls``: the steps before."""

    def __init__(self, stage: Stage, crm: HubSpot, calls: Calls) -> None:
        self._stage = stage
        self._crm = crm
        self._call, self._day = calls.call, calls.day

    def play(self) -> None:
        self.begin()
        self.deliver()
        self.deliver_again()

    def begin(self) -> None:
        text = CONFIGURATION.replace("URL", self._crm.url).replace("KEY", self._crm.key)
        with self._stage.configuration.open("a", encoding="utf-8") as file:
            file.write(text)
        # The CRM had her before the phone system did.
        self._crm.portal.contacts.add({"lastname": GLORIA, "phone": NUMBER}, number=GLORIA_ID)
        self._stage.step(
            "9. Put the call on her timeline",
            "Calls also go where people look for them: into a CRM, and into files for an analyst. Tenants have the",
            "same ids in the CRM as in the export. This is added to syncd.yaml:",
        )
        self._stage.show(text)
        self._stage.run("activity", "prepare", "crm", ends=DONE)
        self._stage.run("activity", "deliver", "--dry-run", ends=DONE)

    def deliver(self) -> None:
        self._stage.run("activity", "deliver", ends=DONE)
        with self._crm.portal.lock:
            calls = {record.values["vocatech_id"]: number for number, record in self._crm.portal.calls.records.items()}
            contacts = [number for number, _ in self._crm.portal.linked("calls", calls[f"call:{self._call}"])]
        promise("the calls in the CRM", len(calls), 2)
        promise("the contacts of the call", contacts, [GLORIA_ID])
        file = self._stage.folder / "lake" / "calls" / f"{self._day}.parquet"
        promise("the files of the day", list(file.parent.iterdir()), [file])
        self._stage.tell(
            "",
            f"Contact {GLORIA_ID} of the CRM, {GLORIA}, has the call on its timeline, and the stranger's call stands",
            f"there without a contact. {file.relative_to(self._stage.folder)} has both.",
        )

    def deliver_again(self) -> None:
        self._stage.step("10. Deliver again", "Nothing has changed, so nothing is sent:")
        file = self._stage.folder / "lake" / "calls" / f"{self._day}.parquet"
        before, written = len(self._crm.requests), file.stat().st_mtime_ns
        self._stage.run("activity", "deliver", ends=DONE)
        # It looks whether the property is still unique.
        sent = {each.operation for each in self._crm.requests[before:]} - {"properties"}
        promise("the requests to the CRM", sent, set())
        promise("when the file was written", file.stat().st_mtime_ns, written)
