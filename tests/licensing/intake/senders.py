"""Senders of catalogues for tests: organisations, small feeds, and what is in the catalogue afterwards."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import connection

from accounts import services as accounts
from accounts.unit import system, unit
from licensing.catalogue import services as catalogues
from licensing.catalogue.models import Catalogue
from licensing.intake import services
from licensing.intake.models import Import

ACTOR = system()
AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
DEMO = Path(__file__).resolve().parents[3] / "demo"

ONIX = """<?xml version="1.0" encoding="UTF-8"?>
<ONIXMessage release="3.1" xmlns="http://ns.editeur.org/onix/3.1/reference">
<Header><Sender><SenderName>House</SenderName></Sender><SentDateTime>20260105T090000Z</SentDateTime></Header>
{products}</ONIXMessage>"""
PRODUCT = """<Product><RecordReference>{ref}</RecordReference><NotificationType>{notification}</NotificationType>
<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{isbn}</IDValue></ProductIdentifier>
<DescriptiveDetail><ProductComposition>00</ProductComposition><ProductForm>ED</ProductForm>{usage}
<TitleDetail><TitleType>01</TitleType><TitleElement><TitleElementLevel>01</TitleElementLevel>
<TitleText>{title}</TitleText></TitleElement></TitleDetail>
<Contributor><SequenceNumber>1</SequenceNumber><ContributorRole>A01</ContributorRole><PersonName>Ada Quill</PersonName>
</Contributor><Language><LanguageRole>01</LanguageRole><LanguageCode>{language}</LanguageCode></Language>
</DescriptiveDetail>
<PublishingDetail><Imprint><ImprintName>Lamp</ImprintName></Imprint></PublishingDetail>{related}</Product>"""
OPT_OUT = (
    "<EpubUsageConstraint><EpubUsageType>11</EpubUsageType><EpubUsageStatus>03</EpubUsageStatus></EpubUsageConstraint>"
)


def house(slug: str = "house", role: str = "owner") -> Catalogue:
    """A new organisation with one empty catalogue."""
    organisation = accounts.register_organisation(name=slug, slug=slug, roles=["rights_holder"], actor=ACTOR, at=AT)
    return catalogues.create_catalogue(
        organisation=organisation, slug="list", name="List", role_of_sender=role, declarations={}, actor=ACTOR, at=AT
    )


def received(catalogue: Catalogue, data: str | bytes, *, name: str = "feed", again: bool = True) -> Import:
    """The file as received, no job queued."""
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return services.receive(
        catalogue=catalogue, filename=name, stream=stream, actor=ACTOR, at=AT, queued=False, afresh=again
    )


def validated(catalogue: Catalogue, data: str | bytes) -> Import:
    """The file received and validated."""
    return services.validate(import_id=received(catalogue, data).name_id, actor=ACTOR, at=AT)


def committed_feed(catalogue: Catalogue, data: str | bytes) -> Import:
    """The file received, validated and committed."""
    found = services.commit(record_import=validated(catalogue, data), actor=ACTOR, at=AT)
    assert found.status == "committed", found.refusal
    return found


def table(rows: list[dict[str, str]]) -> str:
    """A CSV of the rows; the first one names the columns."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def row(number: int, **changed: str) -> dict[str, str]:
    """A good CSV record."""
    return {
        "own_id": f"W{number}", "isbn": isbn(number), "title": f"The Lamp of Harbour {number}", "subtitle": "",
        "language": "en", "form": "book", "contributors": "author:Ada Quill", "publisher": "House", "imprint": "Lamp",
        "publication_date": "2011-06-12", "subjects": "fiction; rivers", **changed,
    }  # fmt: skip


def isbn(number: int) -> str:
    """A valid ISBN-13 of no registration group."""
    body = f"9799{number:08d}"
    return body + str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10)


def product(number: int, **changed: str) -> str:
    """An ONIX product."""
    values = {
        "ref": f"R{number}", "isbn": isbn(number), "title": f"The Lamp of Harbour {number}", "language": "eng",
        "notification": "03", "usage": "", "related": "",
    }  # fmt: skip
    return PRODUCT.format(**{**values, **changed})


def onix(*products: str) -> str:
    """A message of the products."""
    return ONIX.format(products="".join(products))


def tables() -> dict[str, list[tuple[Any, ...]]]:
    """Everything an import may write, without ids and times: equal before and after means nothing changed."""
    columns = {
        "work": "own_id, title, subtitle, form, language, status, record_sha256, imprint_id, origin",
        "edition": "work_id, record_ref, record::text, ended_at",
        "identifier": "edition_id, scheme, value, valid", "contributor": "work_id, sequence, role, name",
        "fact": "kind, not_before, not_after, source", "reservation": "work_id, signal, kind, status",
        "openlicence": "work_id, sent, expression", "workrelation": "work_id, of_id, kind", "claim": "id",
        "party": "own_key, name", "imprint": "name", "duplicate": "work_id, other_id, kind",
    }  # fmt: skip
    with unit(ACTOR), connection.cursor() as cursor:
        found = {}
        for name, listed in columns.items():
            cursor.execute(f"SELECT {listed} FROM licensing_{name} ORDER BY {listed}")
            found[name] = cursor.fetchall()
    return found
