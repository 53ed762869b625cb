"""A release folder or a certificate: everything that can be checked offline, in a fixed order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import status
from .certificate import NAME, Options, authenticate, check_dates, check_mode, read_certificate, settle
from .files import MANIFEST, check_files, read_signed
from .hashing import file_sha256, merkle
from .parquet import SCHEMA
from .report import UNUSABLE, Report, Unusable, Wrong, formed
from .rights import Rights, read_rights
from .rows import Rows, choose
from .signatures import moment, verify

FORMATS = {"licet-release-1": False, "licet-test-release-1": True}


def check(target: Path, options: Options) -> Report:
    """Check a release folder or a certificate file; never raises for bad input, the report says it."""
    report = Report()
    try:
        if target.is_dir():
            _release(target, options, report)
        else:
            _certificate(target, options, report)
    except Wrong as wrong:
        settle(report, wrong)
    except (OSError, MemoryError) as error:
        path = getattr(error, "filename", None) or target
        settle(report, Wrong("unreadable", str(path), f"cannot be read: {str(error) or 'not enough memory'}"))
    except Unusable as error:
        value = {"code": "unusable", "path": str(target), "detail": str(error), "work": None, "row": None}
        report.first_wrong, report.exit = value, UNUSABLE
    return report


def _certificate(path: Path, options: Options, report: Report) -> None:
    document = read_certificate(path, options, report)
    report.files, report.bytes = 1, path.stat().st_size
    check_dates(document, options, report)
    if options.status is not None:
        with formed("certificate", NAME):
            grant = str(document["credentialSubject"]["grant"])
        status.judge(document, status.read_status(options.status, grant, report.test, options), options, report)


def _release(folder: Path, options: Options, report: Report) -> None:
    manifest = read_signed(folder / MANIFEST, MANIFEST)
    if str(manifest.get("format")) not in FORMATS or manifest.get("schema") != SCHEMA:
        raise Wrong("format", MANIFEST, f"unknown format {manifest.get('format')!r}")
    test = FORMATS[manifest["format"]]
    check_mode(test, MANIFEST, options, report)
    signed = verify(manifest, MANIFEST)
    authenticate(signed, MANIFEST, test, options, report)
    report.files, report.bytes = 1, (folder / MANIFEST).stat().st_size
    with formed("manifest", MANIFEST):
        _signed_release(folder, manifest, options, report)


def _signed_release(folder: Path, manifest: dict[str, Any], options: Options, report: Report) -> None:
    check_files(folder, manifest["files"], report)
    certificate = read_certificate(folder / NAME, options, report)
    subject = certificate["credentialSubject"]
    if [subject["grant"], subject["grantVersion"]] != [manifest["grant"]["id"], manifest["grant"]["version"]]:
        raise Wrong("certificate", NAME, "of another grant or version than the manifest")
    if file_sha256(folder / NAME) != manifest["grant"]["certificate_sha256"]:
        raise Wrong("certificate", NAME, "not the one the manifest was made with")
    if ("LicetTestCertificate" in certificate["type"]) is not FORMATS[manifest["format"]]:
        raise Wrong("certificate", NAME, "of another mode than the manifest")
    rights = read_rights(folder, manifest, certificate)
    published = status.Published()
    if options.status is not None:
        published = status.read_status(options.status, subject["grant"], report.test, options)
    _rows(folder, manifest, rights, status.withdrawn(published, options), options, report)
    check_dates(certificate, options, report)
    if options.at < moment(manifest["release"]["created_at"]):
        report.status = "not_yet"
        raise Wrong("not_yet", MANIFEST, f"the release was made at {manifest['release']['created_at']}")
    if options.status is not None:
        status.judge(certificate, published, options, report)
        _superseded(manifest, published, report)


def _rows(
    folder: Path,
    manifest: dict[str, Any],
    rights: Rights,
    withdrawn: frozenset[str],
    options: Options,
    report: Report,
) -> None:
    shards = manifest["shards"]
    listed = sorted(item["path"] for item in manifest["files"] if item["path"].startswith("data/"))
    if listed != [shard["path"] for shard in shards]:
        raise Wrong("manifest", MANIFEST, "the files under data/ are not the shards, in their order")
    walk = Rows(manifest["grant"]["id"], rights, withdrawn, report)
    chosen = choose(folder, shards, options.sample)
    for order, stated in enumerate(shards):
        full = None if chosen is None else chosen.get(stated["path"], set())
        walk.check_shard(folder, order, stated, full)
    walk.finish(MANIFEST)
    if report.rows != manifest["rows"]["count"]:
        raise Wrong("rows_root", MANIFEST, "the number of rows is not what the manifest states")
    if merkle(bytes.fromhex(shard["rows_root"]) for shard in shards) != manifest["rows"]["root"]:
        raise Wrong("rows_root", MANIFEST, "the rows root is not that of the shards")
    if {name: dict(counter) for name, counter in walk.counts.items()} != manifest["counts"]:
        raise Wrong("counts", MANIFEST, "the counts by form, language and licence are not those of the rows")


def _superseded(manifest: dict[str, Any], published: status.Published, report: Report) -> None:
    if report.status != "valid" or published.withdrawals is None:
        return
    current = published.withdrawals["current_release"]
    if current > manifest["release"]["number"]:
        report.status = "superseded"
        report.notes.append(f"release {current} of this grant has replaced this one")
    if report.withdrawn_rows:
        report.status = "superseded"
        raise Wrong("rows_withdrawn_since", MANIFEST, f"{report.withdrawn_rows} rows are of works withdrawn since")
