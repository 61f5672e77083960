"""The warnings about sources that the state file knows and the configuration does not name."""

from __future__ import annotations

from syncd.core.warnings import of_unconfigured


def test_each_source_that_the_configuration_lacks_is_named_with_its_contacts() -> None:
    first, second = of_unconfigured({"tenants": 1, "owners": 2_003})
    assert first.startswith("source 'tenants' is not in the configuration, and has 1 contact at the target: ")
    assert second.startswith("source 'owners' is not in the configuration, and has 2,003 contacts at the target: ")


def test_the_warning_says_what_syncd_does_with_the_contacts_and_until_when() -> None:
    [warning] = of_unconfigured({"tenants": 1})
    assert "neither updates nor deletes" in warning
    assert "until it is named again" in warning


def test_without_a_source_that_is_missing_there_is_no_warning() -> None:
    assert list(of_unconfigured({})) == []
