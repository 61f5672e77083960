"""HubSpot's CRM API on this machine, as far as a reader of contacts needs it, for rehearsals and tests.

It follows the vendor's documentation and public specifications. What those leave open, and what is known only from
other programs, is a dialect (:data:`syncd.sandbox.hubspot.dialects.DIALECTS`), so that a reader can be tried under
every reading. Nothing here was compared with the real service.

    server           the fake as a context manager and as a foreground command
    app, control     HTTP: the API, and the control paths of the fake itself
    backend          who may ask, how often, and what answers
    listing, search, reading, associations, tokens    the endpoints
    portal, records  what the account holds: contacts, companies, their links; archived, merged, purged
    properties       the definitions, and how values are shown
"""
