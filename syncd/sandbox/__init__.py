"""The Vocatech API on this machine, for rehearsals, the demo and tests.

It answers on loopback as the public developer guide says, with real request windows. A point that the guide leaves
open is a dialect (:data:`syncd.sandbox.dialects.DIALECTS`). A failure of the network or the server is a fault
(:data:`syncd.sandbox.faults.KINDS`).

    server          the sandbox as a context manager and as a foreground command
    app, control    HTTP: the API's routes, and the control paths of the sandbox itself
    backend         the key, the windows, the endpoints
    listing         GET /contacts
    push, answers   POST /contacts: the outcome of each row, and the answer
    deletion        DELETE /contacts
    activity        calls, messages, media and webhooks
    serving         serves an application on loopback, from a thread of its own
    hubspot         a HubSpot account of the same kind: a source to read contacts from
    store           the company's contacts, in memory and in a SQLite file
"""

# The package imports nothing here: `syncd --help` must not load a web server.
