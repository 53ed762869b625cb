"""Rights that mostly clear, so that prices are chosen in all ways: several owners, each with several fitting offers."""

from __future__ import annotations

import random
from typing import Any

from accounts.identity import fresh
from accounts.models import Organisation
from licensing.catalogue.models import Catalogue
from licensing.rights import models as r
from tests.support import rights_world as made

AMOUNTS = (0, 1, 7, 10**6, 10**6 + 1, 10**13, 10**14)
"""The last ones add up to more than a bigint holds."""
USE = made.EASY_USE | {"attribution": True, "distribution": []}


def build(seed: int) -> made.World:
    """Two catalogues, owned alike by different organisations, whose offers are alike but for money and wording."""
    rng = random.Random(seed)  # noqa: S311 -- a test's dice, not a secret
    world = made.World(rng, calm=True)
    made._owners(world)
    made._works(world, 6)
    shares = rng.choice([(1_000_000,), (1_000_000,), (600_000, 400_000), (333_333, 333_333, 333_334)])
    drawn = [[_offer(rng) for _ in range(rng.choice([1, 1, 2, 2, 3, 5]))] for _ in shares]
    for catalogue, owners in zip(world.catalogues, ((1, 2, 0), (2, 1, 0)), strict=True):
        for owner, share, offers in zip(owners, shares, drawn, strict=False):
            _own(world, catalogue, world.organisations[owner], share, offers)
    return world


def _offer(rng: random.Random) -> dict[str, Any]:
    """What an offer says besides money, and by which rules it has a price."""
    conditions = ([], [], [{"kind": "attribution"}], [{"kind": "no_sublicence"}, {"kind": "attribution"}])
    return made.EASY_OFFER | {
        "approval": rng.choice(["auto"] * 6 + ["manual"]), "conditions": rng.choice(conditions),
        "audience": rng.choice(["any"] * 5 + ["named"]),
        "kinds": rng.choice([["flat"], ["flat", "per_1000_tokens"], ["per_minute"], ["free"], ["per_1000_words"]]),
        "multipliers": rng.choice([{}, {}, {"commercial": [3, 2]}, {"per_year": True, "size": {"big": [7, 3]}}]),
    }  # fmt: skip


def _own(
    world: made.World, catalogue: Catalogue, owner: Organisation, share: int, offers: list[dict[str, Any]]
) -> None:
    party = next(one for one in world.parties if one.organisation_id == owner.pk and one.kind == "organisation")
    r.Claim.objects.create(
        **made.named(), **world.tenant(owner), **made.ALL_CELLS, level="catalogue", catalogue=catalogue,
        holder=party, kind="root", basis="assignment", part="whole", control_ppm=share, document="deed",
        author_consent="contract_clause", status="verified",
    )  # fmt: skip
    terms = r.Terms.objects.bulk_create(
        r.Terms(**made.named(), **world.tenant(owner), own_key=fresh(made.AT).hex, status="published") for _ in offers
    )
    r.TermsVersion.objects.bulk_create(_version(world, *pair) for pair in zip(terms, offers, strict=True))
    r.TermsAssignment.objects.bulk_create(
        r.TermsAssignment(**world.tenant(owner), level="catalogue", catalogue=catalogue, terms=one, created_at=made.AT)
        for one in terms
    )


def _version(world: made.World, terms: r.Terms, drawn: dict[str, Any]) -> r.TermsVersion:
    columns = dict(drawn)
    rules = [
        {"kind": kind} | ({} if kind == "free" else {"amount_micro": world.rng.choice(AMOUNTS)})
        for kind in columns.pop("kinds")
    ]
    price = {"rules": rules, "minimum_per_work_micro": world.rng.choice([0, 0, 5 * 10**6])}
    price |= {"multipliers": columns.pop("multipliers")}
    columns["conditions"] = [one | {"text": terms.own_key} for one in columns["conditions"]]
    return r.TermsVersion(
        **columns, terms=terms, number=1, title="t", price=price, body={}, sha256="0" * 64, created_at=made.AT,
        audience_organisation=world.organisations[3],
    )  # fmt: skip
