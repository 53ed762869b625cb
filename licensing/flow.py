"""The whole chain on one screen: which event leads to which jobs.

The only module that knows both ends of a hand-over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from accounts.unit import Actor, unit
from licensing.events.models import DomainEvent
from licensing.grants.models import Grant
from licensing.jobs import registry
from licensing.jobs import services as jobs
from licensing.kernel import ids
from licensing.payments.models import Payment

Subjects = Callable[[DomainEvent], Sequence[str]]


def itself(event: DomainEvent) -> Sequence[str]:
    """What the event is about."""
    return [event.subject]


def captured_payments(event: DomainEvent) -> Sequence[str]:
    """Of a grant: every captured payment of its order."""
    grant = Grant.objects.get(public_id=ids.decode("grt", event.subject))
    found = Payment.objects.filter(order_id=grant.order_id, status="captured").order_by("id")
    return [payment.name_id for payment in found]


def granted_payment(event: DomainEvent) -> Sequence[str]:
    """The payment itself when its order already has a grant; otherwise `grant.issued` will bring it."""
    payment = Payment.objects.get(public_id=ids.decode("pay", event.subject))
    return [event.subject] if Grant.objects.filter(order_id=payment.order_id).exists() else []


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of job that follows an event, once per subject."""

    kind: str
    subjects: Subjects = itself


FLOW: Mapping[str, Sequence[Step]] = MappingProxyType(
    {
        "order.secured": (Step("grants.issue"),),
        "grant.issued": (Step("royalties.allocate", captured_payments), Step("delivery.build")),
        "payment.captured": (Step("royalties.allocate", granted_payment),),
    }
)


@registry.handler("dispatch")
def dispatch(subject: str, actor: Actor, at: datetime) -> None:
    """Insert the jobs that follow event `subject`, each once: a replay adds nothing."""
    with unit(actor):
        event = DomainEvent.objects.get(public_id=ids.decode("evt", subject))
        for step in FLOW.get(event.kind, ()):
            for about in step.subjects(event):
                key = f"{subject}:{step.kind}:{about}"
                jobs.enqueue(kind=step.kind, subject=about, actor=actor, at=at, dedupe_key=key)
