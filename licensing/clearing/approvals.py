"""Works that need the holder's word: ask, answer, expire. A yes is a private offer to that licensee."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from accounts import states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.unit import Actor, unit
from licensing.clearing import profiles
from licensing.clearing.models import Approval, Clearance
from licensing.jobs import services as jobs
from licensing.kernel import digests, territories
from licensing.kernel.money import MICRO
from licensing.rights import terms as offers
from licensing.rights import vocabulary
from licensing.rights.models import Terms, TermsAssignment, TermsVersion

DUE = timedelta(days=10)
PRIVATE_DAYS = 30

ASK = """
INSERT INTO licensing_approval (public_id, created_at, organisation_id, livemode, clearance_id, work_id, version_id,
  status, due_at)
SELECT licet_uuid7(%(at)s), %(at)s, t.organisation_id, %(livemode)s, d.clearance_id, d.work_id, min(v.id), 'waiting',
  %(due)s
FROM licensing_decision d CROSS JOIN LATERAL unnest(d.versions) AS u(version)
JOIN licensing_termsversion v ON v.id = u.version JOIN licensing_terms t ON t.id = v.terms_id
WHERE d.clearance_id = %(clearance)s AND d.outcome = 'needs_approval'
  AND (v.approval = 'manual' OR ('past_use' = ANY(d.reasons) AND v.approval <> 'released'))
GROUP BY t.organisation_id, d.clearance_id, d.work_id
"""


def ask(*, clearance: Clearance, actor: Actor, at: datetime) -> int:
    """Write one approval per work and holder, and the job that ends those nobody answers; returns how many."""
    due = at + DUE
    with unit(actor):
        with connection.cursor() as cursor:
            cursor.execute(
                ASK, {"at": at, "due": due, "livemode": clearance.livemode, "clearance": clearance.pk}
            )
            asked = int(cursor.rowcount)
        if asked:
            jobs.enqueue(
                kind="approvals.expire", subject=clearance.name_id, actor=actor, at=at, due_at=due,
                dedupe_key=f"approvals.expire:{clearance.name_id}",
            )  # fmt: skip
    return asked


def answer(
    *, approval: Approval, yes: bool, reason: str, actor: Actor, at: datetime, price_minor: int | None = None
) -> Approval:
    """The holder's answer. A yes (at another price if `price_minor` says so) writes a private offer for 30 days; the
    licensee then clears again.

    Raises Refused("not_found") for another's approval, Refused("approval_closed") after its due date or an answer.
    """
    if actor.organisation_id != approval.organisation_id and actor.scope != "all":
        raise Refused("not_found", "There is no such approval here.")
    with unit(actor):
        row = Approval.objects.select_for_update().get(pk=approval.pk)
        if row.status != "waiting" or row.due_at <= at:
            seen = Reason("approval_closed", "It was answered, or its time is over.", "/status", row.status, "waiting")
            raise Refused("approval_closed", "This approval is closed.", [seen])
        said: dict[str, Any] = {"reason": reason, "price_minor": price_minor}
        if yes:
            said["terms"] = _private_offer(row, price_minor, at).terms.name_id
        states.advance(row, "approved" if yes else "declined", actor=actor, at=at, answer=said, answered_at=at)
    return row


def expire(*, clearance: Clearance, actor: Actor, at: datetime) -> int:
    """Close what nobody answered in time: no answer is never a yes."""
    with unit(actor):
        late = list(Approval.objects.select_for_update().filter(clearance=clearance, status="waiting", due_at__lte=at))
        for row in late:
            states.advance(row, "expired", actor=actor, at=at)
    return len(late)


def _private_offer(approval: Approval, price_minor: int | None, at: datetime) -> TermsVersion:
    """The version that needed a word, now to one licensee by name, for one work and no more than was asked."""
    source = approval.version
    assert source is not None, "asked by version: ASK writes none without"
    until = at.date() + timedelta(days=PRIVATE_DAYS)
    use = approval.clearance.use.body
    body = {
        **source.body,
        **_asked(approval.clearance, source),
        "title": f"{source.title[:160]} ({approval.name_id})",
        "audience": "named",
        "approval": "auto",
        "offer": {"from": at.date().isoformat(), "until": until.isoformat()},
    }
    if price_minor is not None:
        body["price"] = {"rules": [{"kind": "flat", "amount_micro": price_minor * MICRO}]}
    columns = offers.read_body(body)
    if date.fromisoformat(use["training_window"]["from"]) < approval.clearance.at.date():
        # Never to be stated in an offer: only an answer releases the past, and only the days it was asked about.
        columns["approval"] = "released"
        body["training_window"] = use["training_window"]
    terms = Terms.objects.create(
        public_id=fresh(at), created_at=at, organisation_id=approval.organisation_id, livemode=approval.livemode,
        own_key=f"approval:{approval.name_id}", status="published",
    )  # fmt: skip
    version = TermsVersion.objects.create(
        terms=terms, number=1, body=body, sha256=digests.of_json(body), created_at=at,
        audience_organisation_id=approval.clearance.organisation_id, **columns,
    )  # fmt: skip
    TermsAssignment.objects.create(
        organisation_id=approval.organisation_id, livemode=approval.livemode, level="work", work_id=approval.work_id,
        terms=terms, extends=True, created_at=at,
    )  # fmt: skip
    return version


def _asked(clearance: Clearance, source: TermsVersion) -> dict[str, Any]:
    """The source's fields cut down to the use the holder was asked about: a yes to that is a yes to nothing else."""
    use = clearance.use.body
    asked = profiles.read(use, currency=clearance.currency, licensee="", licensee_id=clearance.organisation_id)
    days = asked.retention_days
    return {
        "actions": vocabulary.names(source.actions & asked.box.actions),
        "territories": territories.codes(source.territories & asked.box.territories),
        "model_kinds": [use["model_kind"]],
        "outputs": use["outputs"],
        "training_window_days": asked.window_days,
        "copy_retention_days": None if days is None else max(1, days),
        "model_survival": asked.survival,
        "distribution": use["distribution"] or source.distribution,
        "commercial": asked.commercial,
        "exclusive": asked.exclusive,
    }
