"""Every event there is and what it says. Past tense; docs/reference/events.md is generated from this table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "import.committed": "An upload's good records are in the catalogue.",
        "work.registered": "Works of a catalogue are registered and can be licensed where rights allow.",
        "claim.declared": "A party asserts rights in works.",
        "work.withdrawn": "A work may no longer be delivered.",
        "conflict.opened": "Two claims contradict each other; money on the cells waits.",
        "conflict.decided": "A conflict has a winner.",
        "clearance.decided": "Every work of a bundle has an outcome for a use.",
        "quote.issued": "A price is frozen until its expiry.",
        "quote.expired": "A quote's time is over.",
        "order.placed": "A quote was accepted.",
        "order.cancelled": "An order ended without payment.",
        "payment.captured": "Money of a payment is ours to divide.",
        "payment.failed": "A payment came to nothing.",
        "order.secured": "An order is paid in full, free, or on approved credit.",
        "refund.settled": "Money went back to the buyer.",
        "dispute.opened": "A buyer's bank took a payment back for the time being.",
        "dispute.closed": "A dispute was won or lost.",
        "grant.issued": "A licence exists, with its certificate.",
        "grant.suspended": "A licence may not be used for the time being.",
        "grant.revoked": "A licence has ended early.",
        "royalties.allocated": "A payment's pool is divided among the payees.",
        "delivery.ready": "A release is complete and can be downloaded.",
        "delivery.blocked": "A release cannot be built.",
        "statement.published": "A payee's statement is final.",
        "payout.sent": "Money is on its way to a payee.",
    }
)
