"""XML as it comes from strangers: one parser factory, the prolog, and the parsing of framed records.

`framing` cuts a message into records; each is parsed alone here, and everything between them is parsed as a skeleton.
Together they accept exactly the well-formed documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from licensing.intake import encoding as encodings
from licensing.intake import issues
from licensing.intake.encoding import Encoding
from licensing.intake.framing import HEAD, MAX_RECORD, START, Frame

_DECLARATION = re.compile(rb"\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"'][^>]*\?>")
_DOCTYPE = re.compile(rb"<!DOCTYPE(?:[^\[>\"']|\"[^\"]*\"|'[^']*')*([\[>])")
_ATTRIBUTE = re.compile(r"([\w.:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_CDATA = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)


def parser() -> etree.XMLParser:
    """The only way XML from outside is parsed: no entities, no network, no DTD, no huge trees."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


@dataclass(frozen=True, slots=True)
class Prolog:
    """What stands before the records: declared encoding, DOCTYPE and the root's start tag.

    `name` is the root's name as written, `local` without prefix, `namespace` its namespace, `end` the offset behind its
    start tag (behind the BOM); `fragment` says that the root itself is a record.
    """

    declared: str
    doctype: str
    name: str
    local: str
    namespace: str
    attributes: dict[str, str]
    end: int
    start: int


def declared_encoding(path: Path) -> str:
    """The encoding named in the XML declaration, "" when there is none. Understands UTF-16 and UTF-32 heads."""
    with path.open("rb") as stream:
        head = stream.read(1024)
    match = _DECLARATION.match(head.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").lstrip(b"\xff\xfe"))
    return match[1].decode("ascii") if match else ""


def read_prolog(path: Path, encoding: Encoding) -> Prolog:
    """Read a document up to its root's start tag.

    Refuses the file (accounts.errors.Refused) when it is not XML, when a DOCTYPE declares anything of its own (entity
    bombs), or when no root comes within 64 KiB.
    """
    head = b""
    for chunk in encodings.open_source(path, encoding):
        head += chunk
        if len(head) >= HEAD:
            break
    head = head[:HEAD]
    position, doctype = 0, ""
    while True:
        position += len(head[position:]) - len(head[position:].lstrip())
        closing = _misc_end(head, position)
        if closing is not None:
            position = closing
            continue
        match = _DOCTYPE.match(head, position)
        if match is None:
            return _root(head, position, doctype, encoding)
        if match[1] == b"[":
            issues.refuse("xml_entities", line=_line(head, position), column=1, seen=_text(match[0], encoding))
        doctype = _text(match[0], encoding)
        position = match.end()


class Skeleton:
    """Checks everything outside the records, and keeps the header. Records are stood in for by empty elements.

    Errors refuse the file. `header` is the first child of the root that is not a record, once it is complete.
    """

    def __init__(self, prolog: Prolog, names: frozenset[str]) -> None:
        self._fragment = prolog.local in names
        self._wrapper = wrapper(prolog, names)
        self._names = names
        self._parser = etree.XMLPullParser(
            events=("end",),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        self.header: etree._Element | None = None
        self._feed(self._wrapper[0], 1)
        self._header_bytes = 0

    def feed(self, text: str, line: int) -> None:
        """The next text between records."""
        self._header_bytes += len(text) if self.header is None else 0
        if self._header_bytes > MAX_RECORD:
            issues.refuse("record_too_large", line=line, seen=f"> {MAX_RECORD}", expected=f"<= {MAX_RECORD}")
        self._feed(text, line)

    def record(self, line: int) -> None:
        """A record stands here."""
        self._feed("<licet-record/>", line)

    def close(self, line: int) -> None:
        """The document ends here."""
        if self._fragment:
            self._feed(self._wrapper[1], line)
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            issues.refuse("xml_truncated", line=line, seen=_said(error), expected="the end of the root element")

    def _feed(self, text: str, line: int) -> None:
        try:
            self._parser.feed(text.encode("utf-8", "replace"))
            for _, element in self._parser.read_events():
                if etree.iselement(element):
                    self._ended(element, line)
        except etree.XMLSyntaxError as error:
            issues.refuse("xml_malformed", line=line, seen=_said(error), expected="well-formed XML")

    def _ended(self, element: etree._Element, line: int) -> None:
        parent = element.getparent()
        if element.tag == "licet-record" or etree.QName(element).localname == "licet-record":
            if parent is None or parent.getparent() is not None:
                issues.refuse(
                    "xml_malformed", line=line, seen="a record inside another element", expected="under the root"
                )
        elif parent is not None and parent.getparent() is None and self.header is None:
            self.header = element
            return
        if parent is not None and parent.getparent() is None and element is not self.header:
            parent.remove(element)


def wrapper(prolog: Prolog, names: frozenset[str]) -> tuple[str, str]:
    """A start and end tag that give a lone record its namespaces. Only usable declarations are repeated."""
    if prolog.local in names:
        return "<licet-message>", "</licet-message>"
    spaces = [
        f'{name}="{value}"'
        for name, value in prolog.attributes.items()
        if (name == "xmlns" or name.startswith("xmlns:")) and value and " " not in value
    ]
    declared = {text.partition("=")[0] for text in spaces}
    prefix = prolog.name.partition(":")[0] if ":" in prolog.name else ""
    if prefix and f"xmlns:{prefix}" not in declared:
        spaces.append(f'xmlns:{prefix}="{prolog.namespace or "urn:licet:undeclared"}"')
    return f"<{' '.join([prolog.name, *spaces])}>", f"</{prolog.name}>"


def parse_record(frame: Frame, text: str, around: tuple[str, str]) -> etree._Element:
    """Parse one record alone. Refuses the file with the place of the first error when it is not well-formed."""
    try:
        root = etree.fromstring((around[0] + text + around[1]).encode("utf-8", "replace"), parser())
    except etree.XMLSyntaxError as error:
        line, column = error.position
        first = line <= 1
        place = frame.position.column + column - len(around[0]) - 1 if first else column
        issues.refuse(
            "xml_malformed",
            line=frame.position.line + max(line, 1) - 1,
            column=max(place, 1),
            seen=_said(error),
            expected="well-formed XML",
        )
    return root[0]


def outside_cdata(text: str, change: re.Pattern[str], by: dict[str, str]) -> str:
    """Replace named references (pattern with one group) outside CDATA sections; unknown names stay."""
    parts = _CDATA.split(text)
    for index in range(0, len(parts), 2):
        parts[index] = change.sub(lambda match: by.get(match[1], match[0]), parts[index])
    return "".join(parts)


def _misc_end(head: bytes, position: int) -> int | None:
    """The end of a comment or processing instruction that begins here, or None when none does."""
    for opening, ending in ((b"<!--", b"-->"), (b"<?", b"?>")):
        if head.startswith(opening, position):
            found = head.find(ending, position + len(opening))
            if found < 0:
                issues.refuse(
                    "xml_truncated", line=_line(head, position), seen=opening.decode(), expected=ending.decode()
                )
            return found + len(ending)
    return None


def _root(head: bytes, position: int, doctype: str, encoding: Encoding) -> Prolog:
    match = START.match(head, position)
    if match is not None and match[2].rstrip().endswith(b"/"):
        issues.refuse("no_records", line=_line(head, position), column=1, seen=_text(match[0], encoding))
    if match is None:
        seen = _text(head[position : position + 60], encoding)
        issues.refuse("xml_malformed", line=_line(head, position), column=1, seen=seen, expected="the root element")
    name = _text(match[1], encoding)
    attributes = {
        found[1]: found[2] if found[2] is not None else found[3]
        for found in _ATTRIBUTE.finditer(_text(match[2], encoding))
    }
    prefix, _, local = name.rpartition(":")
    namespace = attributes.get(f"xmlns:{prefix}" if prefix else "xmlns", "")
    return Prolog(encoding.declared, doctype, name, local, namespace, attributes, match.end(), position)


def _line(head: bytes, position: int) -> int:
    return head.count(b"\n", 0, position) + 1


def _text(raw: bytes, encoding: Encoding) -> str:
    return raw.decode(encodings.stream_codec(encoding), "replace")


def _said(error: etree.XMLSyntaxError) -> str:
    return str(error.msg or error).partition(", line ")[0]
