"""The Vocatech contacts API on this machine, for rehearsals, the demo and tests.

It answers on loopback as the public developer guide says, with real request windows. What the guide leaves open is a
dialect (:data:`syncd.sandbox.dialects.DIALECTS`), what a network or a server can do wrong is a fault
(:data:`syncd.sandbox.faults.KINDS`).

    server    the sandbox as a context manager and as a foreground command
    app, control    HTTP: the API's routes, and the control paths of the sandbox itself
    backend         the key, the windows, the endpoints
    listing         GET /contacts
    push, answers   POST /contacts: what becomes of each row, and how it is told
    deletion        DELETE /contacts
    serving         any such application, on loopback from a thread of its own
    hubspot         a HubSpot account in the same manner: a source to read contacts from
    store           the company's contacts, in memory and in a SQLite file
"""
