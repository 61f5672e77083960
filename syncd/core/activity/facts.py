"""The names of the facts of the activity store that several processes read or write; times are Unix seconds."""

from __future__ import annotations

LEASE = "activity:"
"""The name under which the work on calls and messages is leased in the state file; no source can have it."""

COMPANY = "company_id"
"""Whose events these are: the company of the first one."""
FOREIGN = "receiver.foreign"
"""When an event of another company came last."""
SEEN = "receiver.seen"
"""When the receiver could store last."""
GAPS = "receiver.gaps"
"""When it was down or could not store: a JSON list of [from, to]."""
SECRET = "receiver.secret."  # noqa: S105 (the beginning of a name)
"""The beginning of names: when a secret delivered last; then follows its fingerprint."""
REFUSED = "receiver.refused."
"""The beginning of names: when a kind of delivery was refused last; then follows the kind."""
TESTED = "webhook.tested"
"""When a test of an endpoint arrived last."""
ENDPOINT = "webhook.seen"
"""What was found of our endpoint at the target, as JSON: ``at``, ``problem`` ("": none), ``differs``."""
FIRST, GOOD, FAILURE = "pull.first", "pull.good", "pull.failure"
"""When a pull was begun first · ended well last · why the last one failed: JSON of ``kind``, ``message``, ``times``."""
FORGOTTEN = "forgotten"
"""Which state of the file of forgotten numbers was applied to all that is stored."""
SKEW = "clock.skew"
"""By how many seconds the target's clock is ahead of ours."""
ATTRIBUTED = "attribution.seen"
"""How far attribution has come, as the JSON of :class:`syncd.activity.attributing.position.Position`."""

SILENCE = 90.0
"""Seconds without a note of the receiver that it can store after which it counts as having been down."""

DELIVERED = "deliver.mark."
"""The beginning of names: up to where a sink was delivered to, as JSON; then follows the sink's name."""
LEADS_SEEN = "deliver.leads."
"""The beginning of names: up to where unknown callers were looked at for a sink, as JSON of a revision and a digest of
the rules; then follows the sink's name."""
DUE = "deliver.due."
"""The beginning of names: when a sink's next delivery is due; then follows the sink's name."""
DELIVERY = "deliver.state."
"""The beginning of names: how a sink's deliveries went, as JSON: ``first``, ``good``, ``failure`` of ``kind``,
``message``, ``times``, and ``since``; then follows the sink's name."""
