"""What there is to read about catalogues and works: one by its name, scopes, lists without a query per row."""

from __future__ import annotations

from django.db.models import Prefetch, Q, QuerySet

from accounts import permissions
from accounts.errors import Reason, Refused
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.catalogue import refs
from licensing.catalogue.models import Asset, Catalogue, Contributor, Edition, Imprint, Party, Work


def find_work(ref: str, *, actor: Actor) -> Work:
    """The one work a reference means (`refs.works` says which there are), if the actor may know of it.

    Raises Refused("not_found") and Refused("reference_ambiguous").
    """
    with unit(actor):
        found = refs.works([ref], actor=actor).get(ref)
        if found is None or not visible(actor).filter(pk=found.pk).exists():
            raise Refused("not_found", f"There is no work {ref} here.", [Reason("not_found", "No such work.", "", ref)])
    return found


def visible(actor: Actor) -> QuerySet[Work]:
    """Works the actor may know of: all registered ones of its mode, and its own in any state."""
    rows = Work.objects.select_related("catalogue", "imprint", "organisation").filter(livemode=actor.livemode)
    if actor.scope == "all":
        return rows
    if actor.organisation_id is None:
        return rows.exclude(status="draft")
    return rows.filter(~Q(status="draft") | Q(organisation_id=actor.organisation_id))


def listed(rows: QuerySet[Work]) -> QuerySet[Work]:
    """The same works with all that a list shows of them: contributors, editions, identifiers, current assets."""
    return rows.prefetch_related(
        Prefetch("contributors", Contributor.objects.order_by("sequence").select_related("party")),
        Prefetch("editions", Edition.objects.defer("record").order_by("record_ref").prefetch_related("identifiers")),
        Prefetch("assets", Asset.objects.filter(replaced_at__isnull=True).order_by("layer")),
    )


def catalogues(actor: Actor) -> QuerySet[Catalogue]:
    """Catalogues the actor owns or is a guest of, or all of its mode for the house."""
    rows = Catalogue.objects.select_related("organisation").filter(livemode=actor.livemode).order_by("id")
    if actor.scope == "all":
        return rows
    single = Q(pk__in=permissions.guest_ids(actor, "catalogue.read", "catalogue"))
    return rows.filter(single | Q(organisation_id__in=permissions.own_ids(actor, "catalogue.read")))


def parties(actor: Actor) -> QuerySet[Party]:
    """Parties of the actor's organisation and of those it is a guest of, or all of its mode for the house."""
    rows = Party.objects.filter(livemode=actor.livemode)
    if actor.scope == "all":
        return rows
    return rows.filter(organisation_id__in=permissions.own_ids(actor, "catalogue.read"))


def find_catalogue(ref: str, *, actor: Actor) -> Catalogue:
    """One of `catalogues` by public id or slug. Raises Refused("not_found")."""
    chosen = Q(slug=ref)
    if ref.startswith("cat_"):
        try:
            chosen = Q(public_id=Catalogue.decode(ref))
        except ValueError:
            raise Refused("not_found", f"There is no catalogue {ref} here.") from None
    with unit(actor):
        found = catalogues(actor).filter(chosen).first()
    if found is None:
        raise Refused("not_found", f"There is no catalogue {ref} here.")
    return found


def scope_of(thing: Work | Catalogue | Party | Imprint | Asset | Edition) -> Scope:
    """Whose it is, for `permissions.check`; a draft work says so."""
    facts = {"draft"} if isinstance(thing, Work) and thing.status == "draft" else set()
    guarded = {("organisation", thing.organisation_id)}
    if isinstance(thing, (Work, Catalogue)):
        guarded.add(("catalogue", thing.pk if isinstance(thing, Catalogue) else thing.catalogue_id))
    return Scope(organisation=thing.organisation_id, facts=frozenset(facts), guarded=frozenset(guarded))
