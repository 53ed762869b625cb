"""The codes of the design, each with its one effect, told in both languages."""

from __future__ import annotations

from licensing.clearing.facts import GATES, NOTES
from licensing.clearing.reasons import CODES

DESIGN = {
    ("gate", None): """not_registered withdrawn court_order personal_data_unconsented third_party_content
        underlying_not_cleared origin_synthetic_excluded generator_terms_restrict origin_unknown_excluded retracted
        personal_data_unknown content_missing content_form_excluded price_above_maximum""",
    ("route", "terms"): """withheld withheld_by_author claim_contested exclusive_elsewhere no_claim claim_unproven
        control_incomplete assurance_too_low claim_period claim_territory unknown_holder no_terms action_not_offered
        territory_not_offered period_not_offered retention_not_offered survival_not_offered model_kind_not_offered
        output_not_offered distribution_not_offered audience_not_offered condition_not_accepted price_missing
        currency_unavailable""",
    ("route", "open_licence"): """licence_unparsed licence_unproven layer_not_covered non_commercial_only academic_only
        no_derivatives share_alike_not_accepted attribution_not_possible""",
    ("route", "public_domain"): "protected_in_territory status_unknown",
    ("approval", None): "approval_required past_use",
    ("note", None): """duplicate_of reserved exception_may_apply reversion_possible third_party_unknown
        personal_data_present""",
}
MORE = {"exclusivity_not_offered": ("route", "terms"), "contested_in_escrow": ("note", None)}
"""docs/decisions/two-reasons-more.md"""


def test_every_code_of_the_design_has_its_effect_and_there_are_no_others() -> None:
    wanted = {code: kind for kind, codes in DESIGN.items() for code in codes.split()} | MORE
    assert {code: (one.effect, one.route) for code, one in CODES.items()} == wanted


def test_flags_are_told_by_codes_of_their_effect() -> None:
    assert {CODES[code].effect for code in GATES.values()} == {"gate"}
    assert {CODES[code].effect for code in NOTES.values()} == {"note"}


def test_every_text_is_there_in_both_languages() -> None:
    for one in CODES.values():
        said = (one.en, one.lifted_by, one.would_change, one.example)
        told = (one.zh, one.lifted_by_zh, one.would_change_zh, one.example_zh)
        assert all(len(text) > 2 for text in said), one.code
        assert all(len(text) >= 2 for text in told), one.code
        assert not set(said) & set(told), one.code
