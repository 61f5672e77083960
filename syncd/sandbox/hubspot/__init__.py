"""HubSpot's CRM API on this machine, as far as syncd reads and writes it, for rehearsals and tests.

It follows the vendor's documentation and public specifications. A point that they leave open, or that is known only
from other programs, is a dialect (:data:`syncd.sandbox.hubspot.dialects.DIALECTS`): a reader can be tested under every
reading. Nothing here was compared with the real service.

    server           the fake as a context manager and as a foreground command
    app, control     HTTP: the API, and the control paths of the fake itself
    backend, routes  the tokens, the rates, and the endpoint of each request
    reading, search, associations, tokens     the endpoints that read
    writing, validity                         those that write, and what they refuse
    portal, records  the account's records and links; archived, merged and purged records
    kinds, properties    what a new account has; the definitions of properties, and the form of values
"""

# The package imports nothing here, like the sandbox's own.
