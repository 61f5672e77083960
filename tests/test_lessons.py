"""Each open point of the API, and each failure that other sync tools have had, is a test: these are their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

OPEN_POINTS: Mapping[str, str] = {
    # What a match value is, and what an update does.
    "M1 a match value changes": "test_a_moved_contact_leaves_no_twin",
    "M2 an empty match field": "test_a_push_that_could_do_harm_is_never_sent",
    "M3 no match field": "test_a_schema_without_a_match_field_refuses_the_push",
    "M4 several match": "test_a_contact_that_several_at_the_target_could_be_waits_until_one_is_left",
    "M5 how match values are compared": "test_match_values_are_compared_loosely",
    "M5 case": "test_where_the_target_folds_case_the_later_of_two_contacts_is_invalid",
    "M6 fields left out": "test_fields_that_are_not_mapped_survive_under_either_reading",
    "M6 and a crash": "test_a_run_that_ends_between_the_first_update_and_what_it_restores_loses_no_field",
    "M7 clearing": "test_a_value_that_comes_out_otherwise_is_reported_and_not_sent_again",
    "M8 twins in a batch": "test_contacts_with_one_match_value",
    "M9 unknown names": "test_a_field_that_the_company_lacks_is_named_with_its_line",
    "M10 a renamed field": "test_fields_that_are_renamed_at_the_target_keep_their_values",
    "M10 two fields of one name": "test_two_fields_of_one_name_refuse_the_push",
    # The answer to a batch.
    "B1 status": "test_three_bad_rows_of_five_hundred_cost_no_other_and_few_requests",
    "B2 errors": "test_an_error_is_tied_to_a_row_only_beyond_doubt",
    "B3 contacts": "test_a_row_is_found_by_its_match_values_and_never_by_its_position",
    "B4 atomicity": "test_three_bad_rows_of_five_hundred_cost_no_other_and_few_requests",
    "B5 a lost answer": "test_create_with_a_lost_answer_whose_row_leaves_the_source_is_found_and_deleted",
    "B6 size": "test_a_request_that_is_too_large_is_sent_in_halves",
    "B7 a wrong summary": "test_a_summary_that_disagrees_makes_positions_no_proof",
    "B8 unchanged rows": "test_only_what_differs_is_sent",
    # Deletes.
    "D1 success": "test_every_dialect_of_the_target_is_understood",
    "D2 unknown ids": "test_ids_that_are_gone_already_do_not_keep_the_others",
    "D3 how many": "test_deletes_that_are_too_many_for_one_request_all_come_through",
    "D4 revival": "test_a_contact_that_comes_back_under_its_old_id_is_still_ours",
    "D5 no ids": "test_a_delete_that_could_mean_all_is_never_sent",
    "D6 a lost body": "test_deletes_without_an_effect_are_noticed_and_stop",
    # Phones.
    "P1 US numbers, P2 others": "test_numbers_of_the_region_go_out_in_national_form_and_others_with_their_country",
    "P3 extensions": "test_an_extension_never_becomes_part_of_the_number",
    "P4 impossible numbers": "test_an_impossible_number_is_named_and_treated_as_configured",
    "P5 order": "test_the_order_of_numbers_does_not_matter",
    "P6 how many": "test_a_value_that_comes_out_otherwise_is_reported_and_not_sent_again",
    # Listing.
    "G1 order and paging": "test_a_list_that_does_not_add_up_is_not_taken_for_whole",
    "G2 search": "test_a_lost_create_is_found_however_the_target_searches",
    "G3 the end of the list": "test_every_page_is_read_whatever_ends_the_list",
    "G4 whose a contact is": "test_foreign_and_adopted_contacts_are_never_deleted",
    "G5 empty fields": "test_every_dialect_of_the_target_is_understood",
    "G6 a list that lags": "test_a_lost_create_that_the_list_does_not_show_yet_is_found_later",
    # Errors and limits.
    "E1 error bodies": "test_a_page_of_a_gateway_is_told_from_an_answer",
    "E1 refused keys": "test_a_refused_key_stops_at_once_and_names_the_remedy",
    "E2 Retry-After": "test_retry_after_is_seconds_or_a_date_on_the_servers_clock",
    "E3 no other header": "test_a_429_without_a_time_backs_off",
    "E4 400 or 422": "test_three_bad_rows_of_five_hundred_cost_no_other_and_few_requests",
    "E5 others use the key": "test_a_pause_is_seen_by_every_process",
    "E6 what a batch costs": "test_a_429_pauses_the_budget_which_does_the_waiting",
    # The company's fields.
    "S1 none": "test_a_company_without_fields_is_no_mistake_of_the_configuration",
    "S2 a layout that moves contacts": "test_check_warns_of_a_match_field_that_changes",
    "S3 any field may be a match field, S4 any name": "test_the_target_converges_whatever_happened",
    "S5 no test pushes": "test_what_is_sent_holds_contacts_and_nothing_else",
}

FAILURES_OF_OTHERS: Mapping[str, str] = {
    # Mass deletes.
    "an empty read removed everything": "test_an_emptied_source_deletes_nothing_until_it_is_approved",
    "a failed read removed everything": "test_an_absent_source_is_unavailable_and_never_empty",
    "a lost permission read as no rows": "test_a_missing_canary_holds_the_deletes",
    "a guard fired at zero rows only": "test_a_share_of_the_ledger_may_be_deleted_and_a_few_always",
    "a guard never fired": "test_a_broken_rule_is_caught",
    "deletes stopped half way at a limit": "test_creates_and_updates_go_on_while_deletes_are_held",
    "what was held once was forgotten": "test_held_deletes_are_shown_until_they_no_longer_arise",
    "a stopped run moved the baseline": "test_an_approval_is_for_exactly_its_list",
    "a true removal was blocked for ever": "test_held_changes_exit_3_until_they_are_approved",
    "empty and empty failed": "test_empty_and_empty_is_fine",
    "a guard did not say its numbers": "test_the_share_says_its_numbers",
    "a share misfired on few": "test_a_share_of_the_ledger_may_be_deleted_and_a_few_always",
    "deletes that were held stopped the rest": "test_a_gate_holds_only_its_own_part",
    "records of others were removed": "test_foreign_and_adopted_contacts_are_never_deleted",
    "a cut-off listing passed for whole": "test_a_trailer_proves_that_all_rows_are_there",
    "nothing could be put off": "test_grace_begins_with_a_proved_read",
    "two sources saw each other's as missing": "test_two_sources_hand_a_contact_over",
    # Lost updates.
    "the cursor passed rows that were never sent": "test_the_target_converges_whatever_happened",
    "rejected rows were never tried again": "test_a_rejected_contact_is_listed_and_tried_again_on_demand",
    "a repeated page was read for ever": "test_a_server_that_repeats_one_page_for_ever_is_noticed",
    "one bad stream cost the others": "test_a_source_that_fails_does_not_stop_the_others",
    # Twins and identity.
    "a changed key made a second contact": "test_a_moved_contact_leaves_no_twin",
    "the target's own form was compared": "test_a_row_is_found_by_its_match_values_and_never_by_its_position",
    "duplicate keys stopped everything": "test_the_first_of_two_rows_with_one_key_is_used",
    "a crash in a batch sent rows twice": "test_a_run_that_is_killed_again_and_again_is_made_good_by_one_clean_run",
    "an update deleted and made anew": "test_an_update_is_shown_field_by_field",
    "what did not count changed every hash": "test_the_digest_does_not_depend_on_the_order_of_fields",
    "merged numbers were doubled": "test_merged_numbers_are_a_set_in_order",
    # Silent success.
    "one refused delete ended the rest": "test_a_refused_delete_is_tried_again",
    "a delete had no effect and nobody knew": "test_deletes_without_an_effect_are_noticed_and_stop",
    "missing, invalid and duplicate were one": "test_excluded_rows_are_counted_by_reason",
    "rejected rows left the exit code alone": "test_rejected_altered_and_warned_of_contacts_are_shown",
    "one accepted row marked its batch": "test_no_answer_breaks_the_judge_and_none_accepts_a_row_that_it_does_not_name",
    "a fingerprint was kept before the write": "test_what_is_marked_is_pending_and_what_is_recorded_is_known",
    # Dry runs.
    "a dry run wrote": "test_a_dry_run_sends_only_gets_and_leaves_the_state_alone",
    "what was done was not what was shown": "test_a_dry_run_says_what_the_run_then_does",
    "stored work went to another target": "test_another_target_than_the_ledgers_is_refused",
    # Locks.
    "a lock stayed behind": "test_a_source_that_a_killed_process_held_is_free_at_once",
    "a run that hung blocked for ever": "test_a_lease_excludes_others_until_it_ends",
    "unsent work was dropped": "test_a_mark_survives_the_process",
    # Limits.
    "Retry-After was ignored": "test_a_429_waits_as_long_as_it_says_and_is_no_failure",
    "waits were not foretold": "test_a_forecast_comes_true",
    # Phones.
    "formats did not fit": "test_a_number_comes_out_the_same_however_it_is_written",
    "a default country spoilt foreign numbers": "test_each_row_may_have_a_region_of_its_own",
    "a contact without a number was sent": "test_a_contact_that_lacks_what_is_required_is_excluded",
    "an empty field cleared a known number": "test_a_field_that_is_left_alone_is_not_a_field_that_is_cleared",
    "invalid numbers were left out silently": "test_a_phone_problem_warns_or_makes_the_row_invalid",
}


@cache
def names_of_tests() -> frozenset[str]:
    files = Path(__file__).parent.rglob("test_*.py")
    suites = Path(__file__).parent.rglob("suite.py")
    return frozenset(name for file in (*files, *suites) for name in re.findall(r"def (test_\w+)", file.read_text()))


@pytest.mark.parametrize("lesson", [*OPEN_POINTS, *FAILURES_OF_OTHERS])
def test_every_lesson_has_a_test(lesson: str) -> None:
    name = {**OPEN_POINTS, **FAILURES_OF_OTHERS}[lesson]
    assert name in names_of_tests(), f"there is no {name}"
