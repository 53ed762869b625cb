"""What was bought: the grant, its certificate, the release, and the bytes behind signed links."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import services as accounts
from accounts.models import AuditRow, Membership
from accounts.unit import SYSTEM, unit
from licensing.delivery import links
from licensing.delivery import services as delivery
from licensing.delivery.models import Release, ReleaseFile, Shard
from licensing.grants import keys
from licensing.grants.models import Grant
from licensing.kernel import canonical
from licensing.outside import storage
from marketplace.api import downloads
from tests import cast as casting
from tests import scenario
from tests.cast import Answer, Cast, Person
from tests.support.databases import LivedIn

PARQUET_MAGIC = b"PAR1"


@dataclass
class Bought:
    of: scenario.Publisher
    grant: Grant
    release: Release
    buyer: Person
    holder: Person


@pytest.fixture(scope="module", autouse=True)
def sold(lived_in: LivedIn) -> Bought:
    return lived_in.made(_sell)


@pytest.fixture
def bought(db: None, sold: Bought) -> Bought:
    return copy.deepcopy(sold)


def _sell() -> Bought:
    of = scenario.publisher(works=2)
    grant = scenario.granted(of)
    release = delivery.build(grant_id=grant.name_id, actor=SYSTEM, at=scenario.now())
    with unit(SYSTEM):
        shards = [shard.name_id for shard in Shard.objects.filter(release=release)]
        licensee = Grant.objects.select_related("organisation").get(pk=grant.pk).organisation
    for shard in shards:
        delivery.build_shard(shard_id=shard, actor=SYSTEM, at=scenario.now())
    release = delivery.seal(release_id=release.name_id, actor=SYSTEM, at=scenario.now())
    holder = casting.person("publisher_finance", of.organisation)
    return Bought(of, grant, release, casting.person("developer", licensee), holder)


def linked(bought: Bought, path: str = "manifest.json", person: Person | None = None) -> str:
    found = (person or bought.buyer).get(f"releases/{bought.release.name_id}/links?path={path}").json["data"]
    return str(found[0]["url"]).removeprefix("http://testserver")


def stored(bought: Bought, path: str = "manifest.json") -> bytes:
    with unit(SYSTEM):
        file = ReleaseFile.objects.get(release=bought.release, path=path)
    return storage.path_of(file.sha256).read_bytes()


def fetch(url: str, **headers: str) -> Answer:
    return casting.Person().get(url, **headers)


def test_a_grant_shows_to_buyer_holder_and_house_only(cast: Cast, bought: Bought) -> None:
    here = f"grants/{bought.grant.name_id}"
    seen = bought.buyer.get(here)
    assert (seen.status, seen.json["works_count"], seen.json["status"]) == (200, 2, "active")
    listed = {name: value for name, value in seen.json.items() if name != "price_opening"}
    assert bought.buyer.get("grants").json["data"] == [listed]
    for person in (bought.holder, cast.auditor, cast.operator):
        assert person.get(here).status == 200
        assert len(person.get(f"{here}/works").json["data"]) == 2
    for person in (cast.stranger, cast.rival, cast.developer):
        assert person.get(here).status == 404
        assert person.get(f"{here}/works").status == 404
        assert person.get(f"{here}/certificate").status == 404
        assert person.get("grants").json["data"] == []


def test_a_certificate_is_the_stored_bytes(cast: Cast, bought: Bought) -> None:
    here = f"grants/{bought.grant.name_id}/certificate"
    answer = bought.buyer.get(here)
    with unit(SYSTEM):
        certificate = bought.grant.certificates.get()
    assert answer.content == bytes(certificate.document)
    assert answer.headers["Content-Type"] == "application/vc+ld+json"
    assert cast.auditor.get(here).status == 200
    assert bought.holder.get(here).status == 404  # it names the licensee and the use


def test_anybody_may_see_the_status_but_not_the_parties(bought: Bought) -> None:
    answer = fetch(f"certificates/{bought.grant.name_id}")
    assert (answer.status, answer.json["status"], answer.json["kind"]) == (200, "valid", "LicetTestCertificate")
    assert "brindle" not in answer.content.decode().lower()
    assert "works" not in answer.json
    assert fetch("certificates/grt_nothing").status == 404


def test_a_presented_certificate_is_judged(cast: Cast, bought: Bought) -> None:
    document = json.loads(bought.buyer.get(f"grants/{bought.grant.name_id}/certificate").content)
    good = cast.nobody.post("certificates:verify", document).json
    assert (good["ok"], good["status"], good["authentic"], good["problem"]) == (True, "valid", True, None)
    assert good["document"] == document
    document["credentialSubject"]["grantVersion"] = 7
    bad = cast.nobody.post("certificates:verify", document).json
    assert (bad["ok"], bad["status"], bad["problem"]) == (False, "unknown", "signature_wrong")
    assert bad["document"] is None
    assert cast.nobody.post("certificates:verify", {}).json["problem"] == "signature_wrong"
    assert cast.nobody.post("certificates:verify", []).status == 400


def test_a_revoked_grant_is_said_to_be_revoked(cast: Cast, bought: Bought) -> None:
    document = json.loads(bought.buyer.get(f"grants/{bought.grant.name_id}/certificate").content)
    with unit(SYSTEM):
        Grant.objects.filter(pk=bought.grant.pk).update(status="revoked")
    assert fetch(f"certificates/{bought.grant.name_id}").json["status"] == "revoked"
    verdict = cast.nobody.post("certificates:verify", document).json
    assert (verdict["ok"], verdict["authentic"], verdict["status"]) == (False, True, "revoked")


@pytest.mark.parametrize(
    ("reason", "after", "problem"), [
        ("superseded", 1, None), ("ceased", 1, None), ("superseded", 0, "issuer_key_revoked"),
        ("compromised", 1, "issuer_key_revoked"),
    ],
)  # fmt: skip
def test_what_a_key_signed_before_its_end_stays_good_unless_it_was_stolen(
    cast: Cast, bought: Bought, reason: str, after: int, problem: str | None
) -> None:
    document = json.loads(bought.buyer.get(f"grants/{bought.grant.name_id}/certificate").content)
    key = document["proof"]["verificationMethod"]
    keys.revoke(key_id=key, reason=reason, actor=SYSTEM, at=scenario.now() + timedelta(seconds=after))
    verdict = cast.nobody.post("certificates:verify", document).json
    assert (verdict["ok"], verdict["problem"]) == (problem is None, problem)


def test_the_trust_file_names_our_keys(bought: Bought) -> None:
    trust = fetch("/.well-known/licet-trust.json")
    assert trust.status == 200
    document = json.loads(bought.buyer.get(f"grants/{bought.grant.name_id}/certificate").content)
    assert document["proof"]["verificationMethod"].split("#")[1] in trust.content.decode()


def test_a_release_lists_its_files_and_links(cast: Cast, bought: Bought) -> None:
    release = bought.buyer.get(f"releases?grant={bought.grant.name_id}").json["data"][0]
    assert (release["id"], release["status"], release["rows"]) == (bought.release.name_id, "ready", 2)
    files = bought.buyer.get(f"releases/{release['id']}/files").json["data"]
    found = bought.buyer.get(f"releases/{release['id']}/links").json["data"]
    assert [link["path"] for link in found] == [file["path"] for file in files]
    assert {"manifest.json", "certificate.json", "README.md"} <= {file["path"] for file in files}
    for link, file in zip(found, files, strict=True):
        content = fetch(link["url"].removeprefix("http://testserver")).content
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    for person in (cast.stranger, cast.rival, bought.holder):
        for path in (f"releases/{release['id']}", f"releases/{release['id']}/files", f"releases/{release['id']}/links"):
            assert person.get(path).status == 404


def test_the_house_gets_the_manifest_only(cast: Cast, bought: Bought) -> None:
    for person in (cast.auditor, cast.operator):
        found = person.get(f"releases/{bought.release.name_id}/links").json["data"]
        assert [link["path"] for link in found] == ["manifest.json"]
        url = found[0]["url"].removeprefix("http://testserver")
        assert fetch(url).content == stored(bought)


def test_a_whole_file_says_what_it_is(bought: Bought) -> None:
    content = stored(bought)
    answer = fetch(linked(bought))
    assert (answer.status, answer.content) == (200, content)
    digest = hashlib.sha256(content).digest()
    assert answer.headers["ETag"] == f'"{digest.hex()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Content-Type"] == "application/json"
    assert fetch(linked(bought), **{"If-None-Match": answer.headers["ETag"]}).status == 304


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=10-", 10, None), ("bytes=-7", -7, None), ("bytes=5-99999999", 5, None),
     ("bytes=-99999999", 0, None), ("bytes = 3 - 3", 3, 3), ("BYTES=1-2", 1, 2)],
)  # fmt: skip
def test_one_range_is_a_206(bought: Bought, header: str, first: int, last: int | None) -> None:
    content = stored(bought)
    start = first if first >= 0 else len(content) + first
    end = len(content) - 1 if last is None else last
    answer = fetch(linked(bought), Range=header)
    assert (answer.status, answer.content) == (206, content[start : end + 1])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end}/{len(content)}"
    assert answer.headers["Content-Length"] == str(end + 1 - start)


@pytest.mark.parametrize(
    "header",
    ["bytes=0-1,4-5", "items=0-1", "bytes=9-2", "bytes=-", "bytes=a-b", "nonsense", f"bytes=0-{'9' * 5_000}"],
    ids=lambda header: header[:20],
)
def test_what_is_no_single_range_is_the_whole_file(bought: Bought, header: str) -> None:
    answer = fetch(linked(bought), Range=header)
    assert (answer.status, answer.content) == (200, stored(bought))


def test_a_range_behind_the_end_is_a_416(bought: Bought) -> None:
    size = len(stored(bought))
    for header in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0"):
        answer = fetch(linked(bought), Range=header)
        assert (answer.status, answer.code) == (416, "range_invalid"), header
        assert answer.headers["Content-Range"] == f"bytes */{size}"


def test_head_says_what_get_would_and_fetches_nothing(bought: Bought) -> None:
    url = linked(bought)
    whole = fetch(url)
    with unit(SYSTEM):
        before = AuditRow.objects.filter(act="release.downloaded").count()
    answer = Client().head(url, headers={"Range": "bytes=0-4"})
    assert (answer.status_code, answer.content) == (200, b"")
    for name in ("ETag", "Repr-Digest", "Content-Length", "Content-Type", "Accept-Ranges"):
        assert answer.headers[name] == whole.headers[name]
    with unit(SYSTEM):
        assert AuditRow.objects.filter(act="release.downloaded").count() == before


def test_an_empty_file_is_a_file(bought: Bought) -> None:
    url = linked(bought, "rights/tombstones.jsonl")
    answer = fetch(url)
    assert (answer.status, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert fetch(url, Range="bytes=0-").status == 416


@pytest.mark.parametrize("sent", ["*", "W/{}", '"other", {}'])
def test_what_the_client_has_is_not_sent_again(bought: Bought, sent: str) -> None:
    etag = fetch(linked(bought)).headers["ETag"]
    assert fetch(linked(bought), **{"If-None-Match": sent.format(etag)}).status == 304
    assert fetch(linked(bought), **{"If-None-Match": '"other"'}).status == 200


def test_a_download_that_broke_off_is_continued(bought: Bought) -> None:
    url, content = linked(bought), stored(bought)
    etag = fetch(url).headers["ETag"]
    got = content[:1_000]
    while len(got) < len(content):
        answer = fetch(url, **{"Range": f"bytes={len(got)}-{len(got) + 999}", "If-Range": etag})
        assert answer.status == 206
        got += answer.content
    assert got == content


def test_the_licensee_can_open_the_price_commitment(cast: Cast, bought: Bought) -> None:
    here = f"grants/{bought.grant.name_id}"
    document = json.loads(bought.buyer.get(f"{here}/certificate").content)
    for person in (bought.buyer, cast.operator):
        opening = person.get(here).json["price_opening"]
        committed = hashlib.sha256(bytes.fromhex(opening["salt"]) + canonical.jcs(opening["price"])).hexdigest()
        assert committed == document["credentialSubject"]["priceCommitment"]
    for person in (bought.holder, cast.auditor):
        assert person.get(here).json["price_opening"] is None


def test_if_range_continues_only_the_same_file(bought: Bought) -> None:
    etag = fetch(linked(bought)).headers["ETag"]
    assert fetch(linked(bought), **{"Range": "bytes=5-", "If-Range": etag}).status == 206
    assert fetch(linked(bought), **{"Range": "bytes=5-", "If-Range": '"other"'}).status == 200


def test_every_access_is_in_the_log(bought: Bought) -> None:
    fetch(linked(bought), Range="bytes=2-5")
    with unit(SYSTEM):
        row = AuditRow.objects.get(act="release.downloaded")
    assert row.subject == bought.release.name_id
    assert row.after == {"path": "manifest.json", "first": 2, "last": 5}
    assert bought.buyer.key is not None
    assert row.actor == bought.buyer.key.name_id
    assert row.organisation_id == bought.release.organisation_id


def refused(answer: Answer, code: str) -> None:
    assert (answer.status, answer.code) == (403, code)
    with unit(SYSTEM):
        assert not AuditRow.objects.filter(act="release.downloaded").exists()


def test_a_changed_link_opens_nothing(bought: Bought) -> None:
    url = linked(bought)
    refused(fetch(url[:-1] + ("A" if url[-1] != "A" else "B")), "link_invalid")
    refused(fetch("downloads/abc"), "link_invalid")
    refused(fetch("downloads/é:x"), "link_invalid")


def test_a_link_is_over_after_its_time(bought: Bought) -> None:
    at = scenario.now() - timedelta(days=2)
    token = links.token(release=bought.release, path="manifest.json", actor=bought.buyer.actor, at=at)
    refused(fetch(f"downloads/{token}"), "link_expired")


def test_a_link_ends_with_its_key(bought: Bought) -> None:
    url = linked(bought)
    assert bought.buyer.key is not None
    accounts.revoke_key(key=bought.buyer.key, actor=SYSTEM, at=scenario.now())
    refused(fetch(url), "link_revoked")


def test_a_link_ends_with_the_membership(bought: Bought) -> None:
    url = linked(bought)
    with unit(SYSTEM):
        Membership.objects.filter(user=bought.buyer.user).update(ended_at=scenario.now())
    refused(fetch(url), "link_revoked")


@pytest.mark.parametrize(("status", "code"), [("suspended", "grant_inactive"), ("revoked", "grant_inactive")])
def test_a_link_ends_with_the_grant(bought: Bought, status: str, code: str) -> None:
    url = linked(bought)
    with unit(SYSTEM):
        Grant.objects.filter(pk=bought.grant.pk).update(status=status)
    refused(fetch(url), code)


def test_a_running_download_is_cut_when_the_key_ends(bought: Bought, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "RECHECK_SECONDS", -1.0)
    monkeypatch.setattr(downloads, "PIECE", 10)
    url = linked(bought)
    token = url.rpartition("/")[2]
    size = len(stored(bought))
    with unit(SYSTEM):
        sha256 = ReleaseFile.objects.get(release=bought.release, path="manifest.json").sha256
    running: Any = downloads._pieces(token, sha256, downloads.Span(0, size - 1))
    assert len(next(running)) == 10
    assert bought.buyer.key is not None
    accounts.revoke_key(key=bought.buyer.key, actor=SYSTEM, at=scenario.now())
    with pytest.raises(Exception, match="revoked"):
        next(running)
