"""Works and parties by any name people use: our ids, `isbn:...`, `doi:...`, `own:...`;
a whole list in a few queries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q

from accounts.errors import Reason, Refused
from accounts.unit import Actor
from licensing.catalogue import identifiers
from licensing.catalogue.models import Identifier, Party, Work


def works(refs: Sequence[str], *, actor: Actor) -> Mapping[str, Work]:
    """The work of each reference that names one; references that name none are left out.

    Drafts of other organisations are none. `own:` looks in the actor's organisation only. An identifier held by works
    of several organisations means the actor's own; if none is, Refused("reference_ambiguous"). Runs inside the caller's
    unit, in at most three queries.
    """
    found: dict[str, Work] = {}
    public, own, others = _sorted(refs)
    rows = Work.objects.filter(_known(actor, ""), livemode=actor.livemode)
    for work in rows.filter(public_id__in=list(public.values())):
        found.update({ref: work for ref, key in public.items() if key == work.public_id})
    if own and actor.organisation_id is not None:
        mine = rows.filter(organisation_id=actor.tenant, own_id__in=list(own.values()))
        by_own = _grouped((work.own_id, work) for work in mine)
        found.update({ref: _one(ref, by_own[key], actor) for ref, key in own.items() if key in by_own})
    if others:
        found.update(_by_identifier(others, actor))
    return found


def all_works(refs: Sequence[str], *, actor: Actor) -> list[Work]:
    """The works of all references, in their order. Raises Refused("works_unknown") naming those that are none."""
    found = works(refs, actor=actor)
    missing = [ref for ref in refs if ref not in found]
    if missing:
        reasons = [
            Reason("works_unknown", "No work has this name here.", f"/works/{refs.index(ref)}", ref)
            for ref in missing[:100]
        ]
        raise Refused("works_unknown", f"{len(missing)} of {len(refs)} references name no work.", reasons)
    return [found[ref] for ref in refs]


def party(ref: str, *, organisation_id: int, actor: Actor) -> Party:
    """A party of one organisation by `pty_...` or by its own key. Raises Refused("party_unknown")."""
    rows = Party.objects.filter(organisation_id=organisation_id, livemode=actor.livemode)
    try:
        found = rows.filter(public_id=Party.decode(ref)).first()
    except ValueError:
        found = rows.filter(own_key=ref.removeprefix("own:")).first()
    if found is None:
        raise Refused("party_unknown", f"There is no party {ref} here.", [Reason("party_unknown", "", "", ref)])
    return found


def _sorted(refs: Iterable[str]) -> tuple[dict[str, object], dict[str, str], dict[str, tuple[str, str]]]:
    public: dict[str, object] = {}
    own: dict[str, str] = {}
    others: dict[str, tuple[str, str]] = {}
    for ref in refs:
        scheme, colon, value = ref.partition(":")
        if not colon:
            try:
                public[ref] = Work.decode(ref)
            except ValueError:
                own[ref] = ref
        elif scheme == "own":
            own[ref] = value
        else:
            read = identifiers.normalise(scheme, value)
            if read.valid:
                others[ref] = (read.scheme, read.value)
    return public, own, others


def _by_identifier(asked: Mapping[str, tuple[str, str]], actor: Actor) -> dict[str, Work]:
    values = {value for _, value in asked.values()}
    rows = Identifier.objects.filter(
        _known(actor, "edition__work__"), value__in=values, valid=True, container=False,
        edition__livemode=actor.livemode,
    )  # fmt: skip
    rows = rows.select_related("edition__work")
    held = _grouped(((row.scheme, row.value), row.edition.work) for row in rows)
    return {ref: _one(ref, held[key], actor) for ref, key in asked.items() if key in held}


def _known(actor: Actor, path: str) -> Q:
    """Works the actor may know of: registered ones, and its own in any state."""
    if actor.scope == "all":
        return Q()
    return ~Q(**{f"{path}status": "draft"}) | Q(**{f"{path}organisation_id": actor.organisation_id})


def _grouped(pairs: Iterable[tuple[object, Work]]) -> Mapping[object, list[Work]]:
    groups: dict[object, list[Work]] = defaultdict(list)
    for key, work in pairs:
        if work not in groups[key]:
            groups[key].append(work)
    return groups


def _one(ref: str, candidates: Sequence[Work], actor: Actor) -> Work:
    mine = [work for work in candidates if work.organisation_id == actor.organisation_id]
    chosen = mine or candidates
    if len(chosen) > 1:
        named = ", ".join(work.name_id for work in chosen[:5])
        reason = Reason("reference_ambiguous", "Use the work's own id.", "", ref, named)
        raise Refused("reference_ambiguous", f"{ref} names {len(chosen)} works.", [reason])
    return chosen[0]
