"""One tiny release with fixed keys and times: the test vectors of docs/reference/release.md."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from licensing.delivery import folder, shards
from licensing.delivery.facts import Attribution, ReleaseFacts, WorkLine
from licensing.delivery.format import Contributor, Row, row_sha256, shard_name
from licensing.delivery.shards import ShardFacts
from licensing.grants import certificate, tree
from licensing.grants.certificate import CertificateFacts, ConditionSet, Constraint, Duty, Party, Periods, TermsLine
from licensing.grants.tree import LicensedWork
from licensing.kernel import canonical, digests
from licensing.outside import signing

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROOT = signing.KeySigner(b"\x01" * 32)
TEST_KEY = signing.KeySigner(b"\x02" * 32)
LIVE_KEY = signing.KeySigner(b"\x03" * 32)
SECRET = b"\x04" * 32
GRANT = "grt_00000000000000000000000001"
ORGANISATIONS = tuple(f"org_0000000000000000000000000{n}" for n in (1, 2, 3))
CATALOGUE = "cat_00000000000000000000000001"
TERMS = "trm_00000000000000000000000001"
LICENCE = "LicenseRef-trm-00000000000000000000000001"
TERMS_HASH = hashlib.sha256(b"terms").hexdigest()
LEGAL_TEXT = b"The full text.\n"
TEXT_HASH = hashlib.sha256(LEGAL_TEXT).hexdigest()
STATUS_URL = "https://licet.example/status/revocation-1"
__all__ = ["certificate", "digests", "folder", "tree"]
TEXTS = (
    "The river kept its own hours.\n\nIt rose at four.\n",
    "山不过来。\n\n我们过去。\n",
    "",
    "Third “quoted” text\n",
)


def work_id(number: int) -> str:
    """Public id of the sample's work `number`."""
    return f"wrk_{number:026d}"


def row(number: int = 1, text: bytes | None = None, **changes: Any) -> Row:
    """A row of the sample, text and hash in step."""
    content = TEXTS[number % len(TEXTS)].encode() if text is None else text
    values = Row(
        work_id=work_id(number),
        edition_ids=(f"isbn:978000000{number:04d}", "own:§1"),
        title=f"Title {number} “q” \u2028",
        contributors=(Contributor("Ada Quill", "author"), Contributor("王小明", "translator")),
        language="zh" if number % len(TEXTS) == 1 else "en",
        form="poem",
        text=content,
        asset=None,
        sequence=1,
        sequence_count=1,
        characters=len(content.decode(errors="replace")) if number else None,
        words=None,
        tokens=None,
        seconds=None,
        pixels=None,
        grant_id=GRANT,
        terms_id=TERMS,
        terms_hash=TERMS_HASH,
        licence=LICENCE,
        attribution=f"Ada Quill, Title {number}",
        source_kind="contract",
        origin="human",
        content_sha256=hashlib.sha256(content).hexdigest(),
    )
    return values._replace(**changes)


def licensed(number: int, organisation: int = 0) -> LicensedWork:
    """A work of the sample as its leaf states it."""
    return LicensedWork(work_id(number), ORGANISATIONS[organisation], TERMS, TERMS_HASH, LICENCE)


def works() -> list[LicensedWork]:
    """Eight works of two holders (a third has sentinels only), in leaf order."""
    return tree.ordered([licensed(n, n % 2) for n in range(1, 9)], ORGANISATIONS)


def terms_lines(conditions: ConditionSet) -> list[TermsLine]:
    """One terms version for all works."""
    return [TermsLine(TERMS, 1, TERMS_HASH, TEXT_HASH, ORGANISATIONS[0], conditions.key(), 8)]


CONDITIONS = ConditionSet(
    ("train_generative", "evaluate"),
    (Constraint("spatial", "isAnyOf", ("FR", "DE")),),
    (Duty("no_verbatim_output", '{"words":50}'), Duty("attribution")),
    8,
)


def certificate_facts(livemode: bool = False, **changes: Any) -> CertificateFacts:
    """Facts of the sample's certificate."""
    key = LIVE_KEY if livemode else TEST_KEY
    facts = CertificateFacts(
        url="https://licet.example/certificates/" + GRANT,
        grant_id=GRANT,
        grant_version=1,
        order_id="ord_00000000000000000000000001",
        livemode=livemode,
        issuer=Party(signing.did(key.public_key), "Licet sample operator"),
        issued_at=AT,
        valid_from=AT,
        valid_until=AT.replace(year=2028),
        licensee=Party("org_0000000000000000000000000Z", "Sample Models Ltd"),
        licensors=[Party(ORGANISATIONS[0], "First Press"), Party(ORGANISATIONS[1], "第二出版社")],
        use={"actions": ["evaluate", "train_generative"], "commercial": True, "outputs": ["product"]},
        actions=("evaluate", "train_generative"),
        territories=("DE", "FR"),
        model_territories=("WORLD",),
        periods=Periods(date(2026, 1, 1), date(2028, 1, 1), None, "perpetual"),
        works=tree.works_root(works(), SECRET),
        terms=terms_lines(CONDITIONS),
        condition_sets=[CONDITIONS],
        assurance={"verified": 6, "asserted": 2},
        contests=(),
        warranties=(),
        price_commitment=certificate.price_commitment(b"\x05" * 16, {"amount": 1200, "currency": "eur"}),
        status=[certificate.StatusEntry("revocation", STATUS_URL, 4711)],
    )
    return replace(facts, **changes)


def signed_certificate(livemode: bool = False, **changes: Any) -> bytes:
    """Canonical bytes of the signed certificate."""
    document = certificate.build(certificate_facts(livemode, **changes))
    return canonical.jcs(signing.secure(document, LIVE_KEY if livemode else TEST_KEY, AT))


def write_shards(root: Path) -> tuple[list[ShardFacts], dict[str, int]]:
    """Two shards of four works each under their final names; which shard each work is in."""
    facts, places = [], {}
    for order, numbers in enumerate(((1, 3, 5, 7), (2, 4, 6, 8))):
        path = root / "data" / "new"
        shard = shards.write_shard([row(number) for number in numbers], path)
        path.rename(root / shard_name(order, shard.sha256))
        facts.append(shard)
        places.update({work_id(number): order for number in numbers})
    return facts, places


def release_facts(root: Path, livemode: bool = False, **changes: Any) -> ReleaseFacts:
    """Write the shards and gather the facts of the sample's release."""
    shard_facts, places = write_shards(root)
    lines = [
        WorkLine(work, "", None, 0, "sentinel")
        if tree.is_sentinel(work.work_id)
        else WorkLine(work, CATALOGUE, places[work.work_id], 1, "licensed")
        for work in works()
    ]
    facts = ReleaseFacts(
        release_id="rel_00000000000000000000000001",
        number=1,
        kind="first",
        created_at=AT,
        livemode=livemode,
        grant_id=GRANT,
        grant_version=1,
        name="Sample bundle",
        description="Eight short texts written for this project.",
        url="https://licet.example/releases/rel_00000000000000000000000001",
        operator=Party("org_0000000000000000000000000Y", "Licet sample operator"),
        operator_url="https://licet.example/",
        licensee=Party("org_0000000000000000000000000Z", "Sample Models Ltd"),
        actions=("evaluate", "train_generative"),
        works=lines,
        secret=SECRET,
        terms=terms_lines(CONDITIONS),
        shards=shard_facts,
        certificate=signed_certificate(livemode),
        attributions=[
            Attribution(work_id(n), f"Title {n}", f"Ada Quill, Title {n}", LICENCE)
            for n in range(1, 9)
        ],
        licence_texts={f"{TERMS}-1": LEGAL_TEXT},
    )
    return replace(facts, **changes)


def write_release(root: Path, livemode: bool = False, **changes: Any) -> folder.FolderFacts:
    """The whole sample folder."""
    return folder.write_folder(root, release_facts(root, livemode, **changes), LIVE_KEY if livemode else TEST_KEY)


def trust_file(**changes: Any) -> bytes:
    """Both issuer keys under the sample's root key."""
    until = AT.replace(year=2030)
    records = [
        replace(signing.KeyRecord(key.public_key, livemode, AT, until), **changes)
        for key, livemode in ((TEST_KEY, False), (LIVE_KEY, True))
    ]
    return signing.trust_file(ROOT.public_key, [signing.key_record(record, ROOT, AT) for record in records])


def row_hash(number: int) -> str:
    """Hex row_sha256 of the sample's row `number`."""
    return row_sha256(row(number))
