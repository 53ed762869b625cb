"""Random rights, written straight into the rights tables: what no service would let through must be decided as well."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, system
from licensing.catalogue.models import Asset, Catalogue, Contributor, Duplicate, Imprint, Party, Work, WorkRelation
from licensing.clearing.models import Bundle, BundleWork, UseProfile
from licensing.kernel import territories
from licensing.rights import models as r

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TODAY = AT.date()
PLACES = (territories.WORLD, territories.mask(["EU"]), territories.mask(["US"]), territories.mask(["WORLD", "-US"]),
          territories.mask(["DE", "FR"]), territories.mask(["CN"]))  # fmt: skip
ACTIONS = (2047, 0b1110, 0b0100, 0b10011, 0b1000)
DAYS = (None, -400, -10, 0, 30, 200, 400, 800)
ACTOR: Actor = system()
#: A use that most offers allow.
EASY_USE = {
    "territories": ["DE"], "actions": ["train"], "outputs": ["product"], "exclusive": False, "declines": [],
    "min_assurance": "asserted", "delivery": "licence_only", "exclusions": {},
}  # fmt: skip
ALL_CELLS = {"actions": 2047, "territories": territories.WORLD, "period": DateRange(None, None)}
EASY_OFFER = {
    "actions": 2047, "territories": territories.WORLD, "model_kinds": 31, "outputs": 7, "training_days": None,
    "retention_days": None, "offer": DateRange(None, None), "survival": "perpetual", "commercial": True,
    "distribution": [], "currency": "usd",
}  # fmt: skip


@dataclass
class World:
    """Some organisations, their catalogues and works, and whatever rights were drawn."""

    rng: random.Random
    calm: bool = False  # rights as they mostly are: one owner, offers that fit
    past: bool = False  # most offers are answers about the past
    organisations: list[Organisation] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    claims: list[r.Claim] = field(default_factory=list)
    parties: list[Party] = field(default_factory=list)
    catalogues: list[Catalogue] = field(default_factory=list)
    imprints: list[Imprint] = field(default_factory=list)

    def scope(self, *, lists: bool = False, party: bool = False) -> dict[str, Any]:
        """A random level with its target."""
        levels = ["catalogue", "imprint", "work", "work"] + (["party"] if party else []) + (["list"] if lists else [])
        level = self.rng.choice(levels)
        target = {"catalogue": self.catalogues, "imprint": self.imprints, "work": self.works, "party": self.parties}
        return {"level": level} | ({level: self.rng.choice(target[level])} if level in target else {})

    def period(self) -> DateRange:
        """Half-open, often without limits, sometimes empty."""
        if self.calm:
            return DateRange(None, None)
        ends = sorted(self.rng.choices(DAYS[1:], k=2))
        chosen = [None if self.rng.random() < 0.6 else TODAY + timedelta(days=day) for day in ends]
        return DateRange(*chosen)

    def cells(self) -> dict[str, Any]:
        """Random cells, often everything."""
        whole = self.rng.random() < (0.9 if self.calm else 0.5)
        return {
            "actions": 2047 if whole else self.rng.choice(ACTIONS),
            "territories": territories.WORLD if whole else self.rng.choice(PLACES),
            "period": self.period(),
        }

    def tenant(self, organisation: Organisation | None = None) -> dict[str, Any]:
        """The columns of a tenant's row."""
        some = self.organisations[:1] if self.calm else self.organisations[:3]
        return {"organisation": organisation or self.rng.choice(some), "livemode": False}


def named() -> dict[str, Any]:
    """A fresh public id and its time."""
    return {"public_id": fresh(AT), "created_at": AT}


def window(begins: int, ends: int) -> dict[str, dict[str, str]]:
    """The training window of a use or an answer, in days from today."""
    return {"training_window": {
        "from": (TODAY + timedelta(days=begins)).isoformat(), "until": (TODAY + timedelta(days=ends)).isoformat(),
    }}  # fmt: skip


def build(seed: int, *, works: int = 6, loud: float = 1.0, past: bool = False) -> World:
    """Draw a world; `loud` scales how much gets in the way; `past`: its offers are mostly answers about the past."""
    rng = random.Random(seed)  # noqa: S311 -- a test's dice, not a secret
    world = World(rng, calm=past or rng.random() < 0.7, past=past)
    loud = 0.4 if world.calm else loud
    _owners(world)
    _works(world, works)
    for _ in range(rng.randint(1, 3 if world.calm else 7)):
        _claim(world)
    for _ in range(rng.randint(1, 4) if world.calm else rng.randint(0, 5)):
        _terms(world)
    for make in (_reservation, _encumbrance, _conflict, _licence, _status, _relation):
        for _ in range(rng.randint(0, round(2 * loud))):
            make(world)
    return world


def _owners(world: World) -> None:
    world.organisations += Organisation.objects.bulk_create(
        Organisation(**named(), slug=f"{name}-{fresh(AT).hex[-12:]}", name=name)
        for name in ("anna", "bela", "soci", "lice")
    )
    for organisation in world.organisations[:3]:
        represented = None if world.calm else world.rng.choice([None, None, organisation, world.organisations[2]])
        for kind in ("organisation", "unknown") if world.rng.random() < 0.2 else ("organisation",):
            world.parties.append(Party(
                **named(), **world.tenant(organisation), kind=kind, name=kind, own_key=kind, represented_by=represented,
                verified_at=world.rng.choice([None, AT]),
            ))  # fmt: skip
    Party.objects.bulk_create(world.parties)


def _works(world: World, count: int) -> None:
    rng, owner = world.rng, world.organisations[0]
    world.catalogues += Catalogue.objects.bulk_create([
        Catalogue(
            **named(), **world.tenant(owner), slug=name, name=name,
            origin=rng.choice(["human", "synthetic", "unknown"]),
            source_kind=rng.choice(["owned", "public_domain"]), personal_data=rng.choice(["none", "none", "unknown"]),
            third_party=rng.choice(["none", "unknown"]),
        )
        for name in ("one", "two")
    ])  # fmt: skip
    world.imprints.append(Imprint.objects.create(**named(), **world.tenant(owner), name="imprint"))
    assets, people = [], []
    for number in range(count):
        work = Work(
            **named(), **world.tenant(owner), catalogue=rng.choice(world.catalogues), own_id=str(number), title="t",
            imprint=rng.choice([None, world.imprints[0]]), title_key="t", form=rng.choice(["book", "poem"]),
            status=rng.choice(["registered"] * 8 + ["draft", "withdrawn"]), court_order=rng.random() < 0.05,
            origin=rng.choice([None, "human", "synthetic"]),
            personal_data=rng.choice([None, "none", "present_with_basis"]),
            third_party=rng.choice([None] * 6 + ["present_not_cleared"]), retracted=rng.random() < 0.1,
            tokens=rng.choice([None, 0, 999, 12_345_678]), words=rng.choice([None, 77_777]),
            characters=rng.choice([None, 10**9]), seconds=rng.choice([None, 61]),
        )  # fmt: skip
        world.works.append(work)
        if rng.random() < 0.7:
            assets.append(Asset(
                **named(), **world.tenant(owner), work=work, sha256="0" * 64, bytes=1, media_type="text/plain",
                filename="t", layer=rng.choice(["text", "text", "cover"]),
            ))  # fmt: skip
        if rng.random() < 0.5:
            people.append(Contributor(work=work, sequence=1, role="A01", name="a", party=rng.choice(world.parties)))
    Work.objects.bulk_create(world.works)
    Asset.objects.bulk_create(assets)
    Contributor.objects.bulk_create(people)


def _claim(world: World) -> None:
    rng = world.rng
    parent = rng.choice(world.claims) if world.claims and rng.random() < (0.95 if world.calm else 0.4) else None
    scope = world.scope(lists=True)
    if world.calm and not world.claims:
        scope = {"level": "catalogue", "catalogue": world.catalogues[0]}
    if parent is not None and rng.random() < 0.8:
        scope = {"level": parent.level, "catalogue": parent.catalogue, "imprint": parent.imprint, "work": parent.work}
    claim = r.Claim.objects.create(
        **named(), **world.tenant(), **scope, **world.cells(), holder=rng.choice(world.parties), from_claim=parent,
        kind="root" if parent is None else "derived", basis="assignment",
        derivation="" if parent is None else rng.choice(["exclusive_licence", "agency", "society_mandate"]),
        part="whole" if world.calm else rng.choice(["whole"] * 9 + ["text"]),
        control_ppm=1_000_000 if world.calm else rng.choice([1_000_000] * 5 + [600_000, 400_000, 333_333]),
        one_stop=rng.random() < 0.15, document=rng.choice(["", "deed"]),
        includes_underlying=rng.random() < (0.7 if world.calm else 0.2),
        author_consent=rng.choice(["contract_clause"] * (20 if world.calm else 5) + ["unknown"]),
        status=rng.choice(["asserted", "verified"] * 4 + ([] if world.calm else ["contested", "ended"])),
    )  # fmt: skip
    world.claims.append(claim)
    if claim.level == "list":
        chosen = rng.sample(world.works, rng.randint(0, 3))
        r.ClaimWork.objects.bulk_create([r.ClaimWork(claim=claim, work=work) for work in chosen])


def _terms(world: World) -> None:
    rng = world.rng
    owner = world.organisations[0] if world.calm else rng.choice(world.organisations[:3])
    terms = r.Terms.objects.create(**named(), **world.tenant(owner), own_key=fresh(AT).hex,
                                   status=rng.choice(["published"] * 6 + ["draft"]))  # fmt: skip
    r.TermsVersion.objects.bulk_create([_version(world, terms, number) for number in range(1, rng.randint(1, 2) + 1)])
    _assign(world, owner, terms)


def _version(world: World, terms: r.Terms, number: int) -> r.TermsVersion:
    rng = world.rng
    price = _price(world)
    loose = rng.random() < (0.9 if world.calm else 0.6)
    version = r.TermsVersion(
        terms=terms, number=number, title="t", actions=2047 if loose else rng.choice(ACTIONS),
        territories=territories.WORLD if loose else rng.choice(PLACES), model_kinds=rng.choice([31, 31, 1]),
        outputs=rng.choice([7, 7, 2]), offer=DateRange(None, None) if loose else world.period(),
        training_days=None if loose else rng.choice([None, 100, 365]),
        retention_days=None if loose else rng.choice([None, 100, 365, 1000]),
        survival=rng.choice(["perpetual"] * 3 + ["until_end"]),
        audience=rng.choice(["any"] * 5 + ["research", "named"]),
        audience_organisation=rng.choice(world.organisations),
        commercial=rng.random() < 0.85, distribution=rng.choice([[], [], ["api"]]),
        conditions=rng.choice(
            [[], [{"kind": "attribution"}], [{"kind": "no_sublicence"}, {"kind": "attribution"}]]
        ),
        approval=rng.choice(["auto"] * (8 if world.calm else 4) + ["manual", "released"]), price=price,
        currency=rng.choice(["usd"] * 7 + ["eur"]),
        body={"exclusive": rng.random() < 0.5}, sha256=fresh(AT).hex * 2, created_at=AT,
    )  # fmt: skip
    if world.past:
        _answer(world, version)
    return version


def _price(world: World) -> dict[str, Any] | None:
    rng = world.rng
    kinds = ["flat", "free", "per_1000_tokens", "per_1000_words", "per_1000_characters", "per_minute"]
    kinds = kinds[:3] if world.calm else kinds
    price: dict[str, Any] = {
        "rules": [{"kind": kind, "amount_micro": rng.choice([1, 7, 10**6, 10**9, 10**13])}
                  for kind in rng.sample(kinds, rng.choice([1, 1, 2]))],
        "minimum_per_work_micro": rng.choice([0, 0, 5 * 10**6]),
    }  # fmt: skip
    if rng.random() < 0.2:
        price["multipliers"] = {"commercial": [3, 2], "per_year": True, "size": {"big": [7, 3]}}
    return None if rng.random() < 0.05 else price


def _answer(world: World, version: r.TermsVersion) -> None:
    """Make an offer an answer about the past, mostly, which differs from the others in its days, price and reader."""
    easy = EASY_OFFER | {
        "conditions": [], "audience": "named",
        "audience_organisation": world.organisations[world.rng.choice((3, 3, 3, 1))],
        "approval": world.rng.choice(["released"] * 3 + ["auto", "manual"]),
        "price": {"rules": [{"kind": "flat", "amount_micro": world.rng.choice((1, 7, 10**6))}]},
    }  # fmt: skip
    for name, value in easy.items():
        setattr(version, name, value)
    version.body = window(world.rng.choice((-400, -6, -5, -4, 0)), world.rng.choice((84, 85, 86, 360, 361, 400)))


def _assign(world: World, owner: Organisation, terms: r.Terms) -> None:
    rng = world.rng
    common = {**world.tenant(owner), "terms": terms, "created_at": AT}
    whole = [
        r.TermsAssignment(**common, level="catalogue", catalogue=catalogue, extends=True)
        for catalogue in (world.catalogues if world.calm else ())
    ]
    some = [
        r.TermsAssignment(**common, **world.scope(), extends=world.calm or rng.random() < 0.4,
                          ended_at=rng.choice([None] * 6 + [AT]))
        for _ in range(rng.randint(1, 3))
    ]  # fmt: skip
    r.TermsAssignment.objects.bulk_create(whole + some)


def _reservation(world: World) -> None:
    scope = world.scope(party=True)
    r.Reservation.objects.create(
        **named(), **world.tenant(), **scope, **world.cells(), kind=world.rng.choice(["reserve", "withhold"]),
        by_author=world.rng.random() < 0.4, status=world.rng.choice(["active"] * 4 + ["ended"]),
    )  # fmt: skip


def _encumbrance(world: World) -> None:
    rng = world.rng
    r.Encumbrance.objects.create(
        **world.cells(), work=rng.choice(world.works), livemode=False, exclusive=rng.random() < 0.5, source="s",
        licensee=rng.choice(["", "org_other", world.organisations[3].name_id]), created_at=AT,
        until=rng.choice([None, AT, AT + timedelta(days=1)]), ended_at=rng.choice([None, None, AT]),
    )  # fmt: skip


def _conflict(world: World) -> None:
    rng = world.rng
    work = rng.choice(world.works)
    if r.Conflict.objects.filter(work=work).exists():
        return
    conflict = r.Conflict.objects.create(
        **named(), livemode=False, work=work, actions=rng.choice(ACTIONS), territories=rng.choice(PLACES),
        control_ppm=0,
        due_at=AT, status=rng.choice(["open", "open", "decided"]),
    )  # fmt: skip
    for claim in rng.sample(world.claims, min(len(world.claims), 2)):
        r.ConflictParty.objects.create(conflict=conflict, claim=claim, consents=rng.random() < 0.5, guaranteed_ppm=0)


def _licence(world: World) -> None:
    rng = world.rng
    r.OpenLicence.objects.create(
        **named(), **world.tenant(), **world.scope(), sent="x", expression="x",
        grade=rng.choice(["use_all"] * 4 + ["non_commercial", "academic", "none", "unparsed"]), source="s",
        attribution=rng.random() < 0.5, share_alike=rng.random() < 0.3, no_derivatives=rng.random() < 0.2,
        layer=rng.choice(["whole", "text", "cover"]), starts=rng.choice([None, TODAY, date(2027, 3, 1)]),
        first_hand=rng.random() < 0.5, ended_at=rng.choice([None] * 4 + [AT]),
    )  # fmt: skip


def _status(world: World) -> None:
    rng = world.rng
    work = rng.choice(world.works)
    free = rng.choice((0, *PLACES))
    unknown = rng.choice((0, *PLACES)) & ~free
    r.CopyrightStatus.objects.update_or_create(work=work, defaults={
        "public_domain": free, "unknown": unknown, "protected": territories.WORLD & ~free & ~unknown,
        "rule_version": "x",
        "on_date": rng.choice([TODAY, TODAY, date(2027, 1, 1)]), "computed_at": AT,
    })  # fmt: skip


def _relation(world: World) -> None:
    one, other = world.rng.sample(world.works, 2)
    kind = world.rng.choice(["translation_of", "adaptation_of", "part_of"])
    WorkRelation.objects.get_or_create(work=one, of=other, kind=kind)
    if world.rng.random() < 0.3:
        Duplicate.objects.get_or_create(
            work=one, other=other, kind="content", defaults={"evidence": {}, "found_at": AT}
        )


def body(rng: random.Random) -> dict[str, Any]:
    """A random use profile."""
    start = rng.choice([-5, 0, 1, 60])
    return {
        "actions": rng.choice([["train"], ["fine_tune"], ["train_generative"], ["mine", "ground"]]),
        "territories": rng.choice([["US"], ["EU"], ["DE"], ["WORLD"], ["US", "DE"]]),
        **window(start, start + rng.choice([90, 366])),
        "copy_retention_days": rng.choice([90, 400, None]), "model_survival": rng.choice(["perpetual", "until_end"]),
        "outputs": rng.choice([["internal"], ["product"], ["product"]]), "distribution": rng.choice([[], ["api"]]),
        "commercial": rng.random() < 0.7, "research": rng.random() < 0.4, "exclusive": rng.random() < 0.1,
        "min_assurance": rng.choice(["asserted"] * 4 + ["verified"]), "attribution": rng.random() < 0.85,
        "accepts_share_alike": rng.random() < 0.5, "accepts_contested": rng.random() < 0.6,
        "declines": rng.choice([[], [], ["no_sublicence"]]), "delivery": rng.choice(["required", "licence_only"]),
        "exclusions": {"synthetic": rng.random() < 0.2, "retracted": rng.random() < 0.2,
                       "forms": rng.choice([[], [], ["poem"]])},
        "max_price_minor": rng.choice([None, None, None, 1000]), "size_band": rng.choice(["", "big"]), "past_use": True,
    }  # fmt: skip


def use_and_bundle(world: World, profile: dict[str, Any]) -> tuple[UseProfile, Bundle]:
    """The licensee's stored use (complete body) and a bundle of every work."""
    licensee = world.tenant(world.organisations[3])
    use = UseProfile.objects.create(**named(), **licensee, body=profile, sha256="0" * 64)
    bundle = Bundle.objects.create(**named(), **licensee, works_count=len(world.works))
    BundleWork.objects.bulk_create([BundleWork(bundle=bundle, work=work) for work in world.works])
    return use, bundle
