"""croissant.json: Croissant 1.1 with RAI, PROV-O and the terms of use as ODRL in the one top context.

Source: Croissant Format Specification 1.1 (context of appendix 1), Croissant RAI 1.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from licensing.delivery import facts as facts_of
from licensing.delivery.facts import FileFacts, ReleaseFacts
from licensing.delivery.format import COLUMNS
from licensing.grants.certificate import ODRL, TERM

CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "licet": TERM,
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "odrl": ODRL,
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES: Final = {"string": "sc:Text", "int32": "sc:Integer", "int64": "sc:Integer", "list<string>": "sc:Text"}


def build(facts: ReleaseFacts, files: Sequence[FileFacts]) -> dict[str, Any]:
    """The Croissant description of a release; `files` are its shards. No floats, no nested context."""
    created = facts.created_at.astimezone(UTC)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "@id": facts.url,
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": facts.name,
        "description": facts.description,
        "url": facts.url,
        "version": f"{facts.grant_version}.{facts.number}.0",
        "datePublished": created.strftime("%Y-%m-%dT%H:%M:%S"),
        "license": facts.url,
        "usageInfo": _usage(facts),
        "creator": {"@type": "sc:Organization", "name": facts.operator.name, "url": facts.operator_url},
        "publisher": {"@type": "sc:Organization", "name": facts.operator.name, "url": facts.operator_url},
        "inLanguage": [tag for tag in facts_of.counts(facts)["language"] if tag != "und"],
        "isLiveDataset": False,
        "citeAs": f"{facts.name}, release {facts.number} of {facts.grant_id}, {facts.url}",
        "rai:dataCollection": "Delivered by rights holders or taken from open and public-domain sources, per work.",
        "rai:dataLimitations": "The order of the rows is not shuffled.",
        "prov:wasAttributedTo": {"@id": facts.operator_url},
        "distribution": [*_files(files), *_sets(files)],
        "recordSet": [_records()] if files else [],
    }


def _usage(facts: ReleaseFacts) -> dict[str, Any]:
    return {
        "@type": "odrl:Agreement",
        "@id": f"urn:licet:{facts.grant_id}:{facts.grant_version}",
        "odrl:assignee": {"@id": f"urn:licet:{facts.licensee.id}"},
        "odrl:permission": [{"odrl:action": [{"@id": f"licet:{action}"} for action in sorted(facts.actions)]}],
    }


def _files(files: Sequence[FileFacts]) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path,
            "contentUrl": file.path,
            "contentSize": f"{file.bytes} B",
            "encodingFormat": "application/x-parquet",
            "sha256": file.sha256,
        }
        for file in files
    ]


def _sets(files: Sequence[FileFacts]) -> list[dict[str, Any]]:
    if not files:
        return []
    return [
        {
            "@type": "cr:FileSet",
            "@id": "shards",
            "name": "shards",
            "encodingFormat": "application/x-parquet",
            "includes": "data/*.parquet",
        }
    ]


def _records() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "documents",
        "name": "documents",
        "description": "One row per document, or per piece of a text above 16 MiB.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"documents/{column.name}",
                "name": column.name,
                "dataType": _TYPES[column.type],
                "source": {"fileSet": {"@id": "shards"}, "extract": {"column": column.name}},
                **({"isArray": True, "arrayShape": "-1"} if column.type.startswith("list") else {}),
            }
            for column in COLUMNS
            if column.type in _TYPES
        ],
    }
