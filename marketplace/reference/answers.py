"""What every command answers to --json. Public and stable: a key here keeps its name and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "audit_splits": "{runs, differences}",
        "clear": (
            "{clearance, at, rule_version, hash, counts: {cleared, needs_approval, refused}, reasons: {code: n}, "
            "total: {amount, currency}, works: [{work, outcome, kind, reasons: [{code, detail}], price, terms}]}; "
            "`works` with --works or --explain"
        ),
        "create_operator": "{organisation, email, role, key}; `key` with --key, else null",
        "demo": (
            "{works, decisions: {cleared, needs_approval, refused}, reasons: {code: n}, quote_total_minor, "
            "payment_status, grant_verified, allocation_difference_micro, ledger_imbalance, release_rows, "
            "release_verified, statement_difference, seconds}"
        ),
        "explain_cent": (
            "{run, work, payee, q, r, floor, remainder, rank, cut_rank, tie, amount_micro, recomputed_micro, equal, "
            "input_hash, output_hash}, and what they were computed from"
        ),
        "import_catalogue": (
            "{files: [{path, format, version, encoding: {declared, read}, records, outcomes: {new, changed, "
            "unchanged, erased, rejected, warned}, issues: [{code, severity, line, column, record, path, seen, "
            "expected}]}], works: {before, after}, editions: {before, after}, dry_run}"
        ),
        "issuer_keys": "{keys: [{id, livemode, fingerprint, revoked_at}], root}",
        "jobs": "{counts: {status: n}, health: {}, jobs: []}",
        "relay": "{rung, released, dead, made}, one line per round",
        "run": "{web, stripe}: the addresses",
        "verify_ledger": "{imbalance: {currency: n}, entries, lines, first_bad}",
        "verify_release": (
            "{ok, trust, status, status_as_of, checked: {files, rows, bytes}, withdrawn_rows, first_wrong}"
        ),
    }
)
