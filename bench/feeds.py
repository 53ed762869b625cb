"""Catalogue files of any size, made from a seed: the same bytes every time, written in constant memory."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

SEED = 20260314
WRONG_EVERY = 1000
"""Every so many records carry an ISBN with a wrong check digit: the knob that must not cost the file."""
_HEADER = (
    "own_id,isbn,title,subtitle,language,form,contributors,publisher,imprint,publication_date,publication_country,subjects"
)
_MESSAGE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ONIXMessage release="3.0" '
    'xmlns="http://ns.editeur.org/onix/3.0/reference">\n<Header><Sender><SenderName>Bench</SenderName></Sender>'
    "<SentDateTime>20260314T0926Z</SentDateTime></Header>\n"
)
_PRODUCT = """<Product><RecordReference>{ref}</RecordReference><NotificationType>03</NotificationType>
<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{isbn}</IDValue></ProductIdentifier>
<DescriptiveDetail><ProductComposition>00</ProductComposition><ProductForm>ED</ProductForm>
<TitleDetail><TitleType>01</TitleType><TitleElement><TitleElementLevel>01</TitleElementLevel>
<TitleText>{title}</TitleText></TitleElement></TitleDetail>
<Contributor><SequenceNumber>1</SequenceNumber><ContributorRole>A01</ContributorRole><PersonName>{author}</PersonName>
</Contributor><Language><LanguageRole>01</LanguageRole><LanguageCode>eng</LanguageCode></Language>
<Subject><SubjectSchemeIdentifier>20</SubjectSchemeIdentifier><SubjectHeadingText>{subjects}</SubjectHeadingText></Subject>
</DescriptiveDetail>
<PublishingDetail><Imprint><ImprintName>{imprint}</ImprintName></Imprint><Publisher><PublishingRole>01</PublishingRole>
<PublisherName>House</PublisherName></Publisher><CountryOfPublication>GB</CountryOfPublication>
<PublishingDate><PublishingDateRole>01</PublishingDateRole><Date>{date}</Date></PublishingDate></PublishingDetail>
</Product>
"""


def table(path: Path, n: int) -> None:
    """A CSV of our template with n records."""
    with path.open("w", encoding="utf-8") as out:
        out.write(_HEADER + "\n")
        for one in _records(n):
            out.write(
                "{ref},{isbn},{title},,en,book,author:{author},House,{imprint},{date},GB,{subjects}\n".format(**one)
            )


def onix(path: Path, n: int) -> None:
    """An ONIX 3.0 message with n products."""
    with path.open("w", encoding="utf-8") as out:
        out.write(_MESSAGE)
        for one in _records(n):
            out.write(_PRODUCT.format(**one))
        out.write("</ONIXMessage>\n")


def _records(n: int) -> Iterator[dict[str, str]]:
    dice = random.Random(SEED)  # noqa: S311 -- data, no secret
    words = ["".join(dice.choices("abcdefghiklmnoprstuvw", k=dice.randint(3, 9))) for _ in range(4000)]
    for number in range(n):
        title = " ".join(dice.choices(words, k=4)).capitalize()
        author = " ".join(word.capitalize() for word in dice.choices(words, k=2))
        yield {
            "ref": f"W{number}", "isbn": _isbn(number, right=number % WRONG_EVERY != 0), "title": title,
            "author": author, "imprint": f"Imprint {number % 40}", "date": str(1990 + number % 30),
            "subjects": "; ".join(dice.choices(words, k=2)),
        }  # fmt: skip


def _isbn(number: int, *, right: bool) -> str:
    body = f"9798{number:08d}"
    digit = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10
    return body + str(digit if right else (digit + 1) % 10)
