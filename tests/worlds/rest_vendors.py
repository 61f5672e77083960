"""Every fake of a CRM that has a preset."""

from __future__ import annotations

from tests.worlds.rest_vendor import Vendor
from tests.worlds.rest_vendors_by_time import Copper, Pipedrive, Salesforce, Zoho
from tests.worlds.rest_vendors_by_token import Dataverse, Google, Graph
from tests.worlds.rest_vendors_self_hosted import Espo, Odoo, OdooRpc
from tests.worlds.rest_vendors_whole import WHOLE

VENDORS: list[type[Vendor]] = [
    Pipedrive,
    Salesforce,
    Zoho,
    Graph,
    Dataverse,
    Google,
    Odoo,
    OdooRpc,
    Espo,
    Copper,
    *WHOLE,
]
