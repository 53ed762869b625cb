"""JSON Lines: one object per line, the keys of the CSV template, strict UTF-8."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from licensing.catalogue import identifiers
from licensing.intake import encoding as encodings
from licensing.intake import issues
from licensing.intake.encoding import Encoding
from licensing.intake.issues import Issue
from licensing.intake.readers import plain
from licensing.intake.readers.lines import Line, lines
from licensing.intake.readers.outcomes import FileInfo, Notes, Reading
from licensing.intake.readers.plain import COMMENT, IDENTIFIER_COLUMNS, OPTIONAL, TEMPLATE, Draft
from licensing.intake.record import Contributor, Outcome, Position, Subject

_KEYS: Final = frozenset(TEMPLATE) | frozenset(OPTIONAL) | IDENTIFIER_COLUMNS
_NUL: Final = re.compile(r"\\\\|(\x00|\\u0000)")
"""A NUL, as it is or as an escape; an escaped backslash before u0000 is none."""
_KINDS: Final = ("person", "organisation")


class _Duplicate(ValueError):
    """A key that stands twice in one object."""


def read(path: Path, encoding: Encoding, file_issues: list[Issue]) -> Reading:
    """Open a JSON Lines file; every line is an outcome of its own."""
    info = FileInfo("jsonl", "template", "", encoding.declared, "utf-8")
    return Reading(info, file_issues, _outcomes(path, encoding, file_issues))


def _outcomes(path: Path, encoding: Encoding, file_issues: list[Issue]) -> Iterator[Outcome]:
    strange: set[str] = set()
    for line in lines(path, encoding):
        if not line.raw.strip():
            continue
        notes = Notes(line.number)
        value = _object(line, notes)
        if value is None:
            yield Outcome(line.number, "", None, notes.outcome_issues())
            continue
        value.pop(COMMENT, None)
        for key in value.keys() - _KEYS - strange:
            if len(strange) < 100:
                strange.add(key)
                file_issues.append(
                    issues.make("key_unknown", line=line.number, path=f"/{key}", seen=key, expected=", ".join(TEMPLATE))
                )
        yield _outcome(value, line, notes)


def _object(line: Line, notes: Notes) -> dict[str, Any] | None:
    """The object of a line, or None with a note that names the place."""
    bad = encodings.bad_in(line.raw, "utf-8", line.number, 1)
    if bad is not None:
        notes.add("encoding_damaged", line=bad.line, column=bad.column, seen=f"0x{bad.byte:02X}", expected="UTF-8")
        return None
    text = line.raw.decode("utf-8")
    nul = next((match for match in _NUL.finditer(text) if match[1]), None)
    if nul is not None:
        notes.add("nul_character", line=line.number, column=nul.start() + 1, seen="U+0000", expected="text")
        return None
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except _Duplicate as error:
        notes.add("json_duplicate_key", seen=str(error), expected="each key once")
    except json.JSONDecodeError as error:
        notes.add("json_invalid", line=line.number, column=error.colno, seen=error.msg, expected="JSON")
    except (ValueError, RecursionError) as error:
        notes.add("json_invalid", seen=str(error), expected="JSON")
    else:
        if not isinstance(value, dict):
            notes.add("json_not_object", seen=_kind(value), expected="object")
            return None
        return value if _sound(text, value, line, notes) else None
    return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise _Duplicate(key)
        made[key] = value
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _sound(text: str, value: dict[str, Any], line: Line, notes: Notes) -> bool:
    """Whether all strings can be stored: a lone surrogate can only come from an escape, so its place can be found."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        place = _lone(text)
        notes.add(
            "lone_surrogate", line=line.number, column=place + 1, seen=text[place : place + 6], expected="a character"
        )
        return False
    return True


def _lone(text: str) -> int:
    pattern = re.compile(
        r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?|\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    )
    for match in pattern.finditer(text):
        if len(match[0]) == 6:
            return match.start()
    return 0


def _outcome(value: dict[str, Any], line: Line, notes: Notes) -> Outcome:
    digest = hashlib.sha256(line.raw).hexdigest()
    draft = Draft(Position(line.number, 1, line.offset, len(line.raw), digest))
    own_id = value.get("own_id")
    notes.record = own_id if isinstance(own_id, str) else ""
    for key, sent in value.items():
        if key not in _KEYS:
            draft.extra[key] = sent if isinstance(sent, str) else json.dumps(sent, ensure_ascii=False)
            continue
        draft.sent.add(key)
        _key(draft, key, sent, notes)
    record = plain.build(draft, notes)
    notes.record = record.ref
    return Outcome(line.number, record.ref, record, notes.outcome_issues())


def _key(draft: Draft, key: str, sent: Any, notes: Notes) -> None:
    match key:
        case "contributors":
            draft.contributors.extend(_contributors(sent, notes))
        case "identifiers":
            _identifiers(draft, sent, notes)
        case "subjects":
            draft.subjects.extend(_subjects(sent, notes))
        case "licence":
            _licences(draft, sent, notes)
        case "no_contributors":
            draft.no_contributors = _flag(sent, f"/{key}", notes)
        case _ if key in IDENTIFIER_COLUMNS:
            _identifier(draft, key, _text(sent, f"/{key}", notes), notes)
        case _:
            draft.texts[key] = _text(sent, f"/{key}", notes)


def _identifier(draft: Draft, key: str, text: str, notes: Notes) -> None:
    if text:
        plain.add_identifier(draft, "isbn" if key == "isbn13" else key, text, f"/{key}", notes, spreadsheet=False)


def _flag(sent: Any, path: str, notes: Notes) -> bool:
    if not isinstance(sent, bool):
        _wrong(notes, path, sent, "true or false")
    return sent is True


def _text(sent: Any, path: str, notes: Notes) -> str:
    """A text; null erases like an empty one. Anything else is an error, not converted."""
    if sent is None:
        return ""
    if not isinstance(sent, str):
        _wrong(notes, path, sent, "a text")
        return ""
    return sent if notes.characters(sent, path) else ""


def _list(sent: Any, path: str, notes: Notes) -> list[Any]:
    if sent is None:
        return []
    if not isinstance(sent, list):
        _wrong(notes, path, sent, "a list")
        return []
    return sent


def _texts(sent: Mapping[str, Any], path: str, keys: tuple[str, ...], notes: Notes) -> dict[str, str]:
    """The named texts of an object; a key that is not named is an error, so that a typing error is seen."""
    for key in sent.keys() - set(keys) - {"identifiers"}:
        _wrong(notes, f"{path}/{key}", key, ", ".join(keys))
    return {key: _text(sent.get(key), f"{path}/{key}", notes) for key in keys}


def _contributors(sent: Any, notes: Notes) -> list[Contributor]:
    if isinstance(sent, str):
        return plain.contributors_text(sent, notes)
    found = []
    keys = ("role", "name", "key_name", "kind", "unnamed", "born", "died")
    for index, one in enumerate(_list(sent, "/contributors", notes)):
        path = f"/contributors/{index}"
        if not isinstance(one, dict):
            _wrong(notes, path, one, "an object with role and name")
            continue
        texts = _texts(one, path, keys, notes)
        found.append(_contributor(texts, one.get("identifiers"), index, notes))
    return found


def _contributor(texts: Mapping[str, str], ids: Any, index: int, notes: Notes) -> Contributor:
    path = f"/contributors/{index}"
    name, role = texts["name"].strip(), texts["role"].strip()
    unnamed = plain.unnamed_of(texts["unnamed"], name, notes)
    if not name and not unnamed:
        notes.add("contributor_nameless", path=path, expected="name")
    if not role:
        notes.add("role_missing", path=path, seen=name, expected="role")
    kind = texts["kind"]
    if kind and kind not in (*_KINDS, "unknown"):
        notes.add("value_not_allowed", path=f"{path}/kind", seen=kind, expected=", ".join(_KINDS))
    pairs = _pairs(ids, f"{path}/identifiers", notes)
    return Contributor(
        sequence=index + 1,
        role=plain.role_of(role, notes),
        role_sent=role,
        name=name,
        key_name=texts["key_name"].strip(),
        kind="person" if kind == "person" else "organisation" if kind == "organisation" else "unknown",
        identifiers=tuple(notes.identifier(scheme, value, where) for scheme, value, where in pairs),
        unnamed=unnamed,
        born=notes.date(texts["born"], f"{path}/born"),
        died=notes.date(texts["died"], f"{path}/died"),
    )


def _pairs(sent: Any, path: str, notes: Notes) -> list[tuple[str, str, str]]:
    found = []
    for index, one in enumerate(_list(sent, path, notes)):
        where = f"{path}/{index}"
        if not isinstance(one, dict):
            _wrong(notes, where, one, "an object with type and value")
            continue
        texts = _texts(one, where, ("type", "value"), notes)
        scheme = texts["type"].strip().casefold()
        if scheme not in identifiers.SCHEMES:
            notes.add("value_not_allowed", path=f"{where}/type", seen=scheme, expected=", ".join(identifiers.SCHEMES))
        elif texts["value"].strip():
            found.append((scheme, texts["value"], where))
    return found


def _identifiers(draft: Draft, sent: Any, notes: Notes) -> None:
    for scheme, value, where in _pairs(sent, "/identifiers", notes):
        plain.add_identifier(draft, scheme, value, where, notes, spreadsheet=False)


def _subjects(sent: Any, notes: Notes) -> list[Subject]:
    if isinstance(sent, str):
        return plain.subjects_text(sent)
    found = []
    for index, one in enumerate(_list(sent, "/subjects", notes)):
        path = f"/subjects/{index}"
        if isinstance(one, str):
            found.extend(plain.subjects_text(_text(one, path, notes)))
        elif isinstance(one, dict):
            texts = _texts(one, path, ("scheme", "code", "heading"), notes)
            found.append(Subject(texts["scheme"], texts["code"], texts["heading"]))
        else:
            _wrong(notes, path, one, "a text or an object with scheme, code, heading")
    return found


def _licences(draft: Draft, sent: Any, notes: Notes) -> None:
    for index, one in enumerate(sent if isinstance(sent, list) else [sent]):
        path = f"/licence/{index}" if isinstance(sent, list) else "/licence"
        if isinstance(one, dict):
            made = plain.licence(_texts(one, path, ("expression", "url", "layer", "start"), notes), notes)
        else:
            made = plain.licence({"expression": _text(one, path, notes)}, notes)
        draft.licences.extend([made] if made else [])


def _wrong(notes: Notes, path: str, sent: Any, expected: str) -> None:
    notes.add("value_type", path=path, seen=_kind(sent), expected=expected)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), f"the text {value}")
