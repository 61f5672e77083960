"""The check of a HubSpot source: its columns, and the scopes that its key lacks."""

from __future__ import annotations

import pytest

from syncd.errors import SourceDenied
from syncd.source import Needs
from tests.worlds.hubspot_source import BY_ID, WITH_COMPANY, Crm


class TestCheck:
    def test_the_columns_are_those_that_the_configuration_uses(self) -> None:
        assert Crm(1, needs=WITH_COMPANY).connector().check() == [
            "company.name", "firstname", "hs_object_id", "phone",
        ]  # fmt: skip

    def test_without_a_configuration_they_are_all_properties(self) -> None:
        crm = Crm(1, needs=Needs())
        assert crm.connector().check() == sorted(crm.contacts.types)
        assert crm.read() == ["1"]

    @pytest.mark.parametrize(
        ("scope", "needs"),
        [
            ("crm.schemas.contacts.read", BY_ID),
            ("crm.objects.contacts.read", BY_ID),
            ("crm.schemas.companies.read", WITH_COMPANY),
            ("crm.objects.companies.read", WITH_COMPANY),
        ],
    )
    def test_each_scope_that_is_missing_is_named(self, scope: str, needs: Needs) -> None:
        crm = Crm(1, needs=needs)
        crm.fake.portal.scopes.discard(scope)
        with pytest.raises(SourceDenied, match=scope.replace(".", r"\.")):
            crm.connector().check()
