"""Licence strings as people write them -> SPDX or LicenseRef-, and what they let a model maker do. Pure.

Only what is recognised exactly is recognised: names and links of the Creative Commons family, SPDX keys and
expressions, and the known sentences of _PHRASES. Everything else is `unparsed`: stored and shown, never taken for a
permission.
Sources: spdx.org/licenses (through the license-expression package), creativecommons.org/licenses, rightsstatements.org.
"""

from __future__ import annotations

import functools
import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from license_expression import ExpressionError, get_license_index, get_spdx_licensing

GRADES: Final = ("use_all", "non_commercial", "academic", "none", "unparsed")
LONGEST: Final = 200
"""Characters of a normalised expression, as stored."""


@dataclass(frozen=True, slots=True)
class Licence:
    """A normalised licence. `grade`: use_all, non_commercial, academic, none (no licence to use, or a mere mark) or
    unparsed.
    """

    expression: str
    grade: str
    attribution: bool = False
    share_alike: bool = False
    no_derivatives: bool = False

    def columns(self) -> dict[str, Any]:
        """The columns of `OpenLicence` this fills."""
        return asdict(self)


_CC: Final = re.compile(
    r"(?:creative commons[\s:,-]*|cc[\s-]*)?(?:attribution|by)"
    r"(?P<rest>(?:[\s_-]*(?:nc|noncommercial|non-commercial|sa|sharealike|share-alike|nd|noderivs|noderivatives|no-derivatives))*)"
    r"[\s,-]*(?:licen[cs]e)?[\s,-]*(?:v|version)?\s*(?P<version>[1-4]\.\d)?[\s,-]*"
    r"(?P<port>igo|international|intl|unported|generic|[a-z]{2})?(?:\s+licen[cs]e)?"
)
_CC_LINK: Final = re.compile(
    r"(?:https?://)?(?:www\.)?creativecommons\.org/(?:licenses/(?P<kind>by(?:-nc)?(?:-nd|-sa)?)/(?P<version>\d\.\d)"
    r"|publicdomain/(?P<public>zero|mark)/(?P<pv>\d\.\d))(?:/[a-z]{2,3}|/igo)?(?:/(?:legalcode|deed)(?:\.[a-z_-]+)?)?/?"
)
_RIGHTS: Final = re.compile(r"https?://(?:www\.)?rightsstatements\.org/(?:vocab|page)/(?P<name>[a-z-]+)/(?P<v>\d\.\d)/?")
_LINK: Final = re.compile(r"https?://(?:www\.)?(?:spdx\.org/licenses|opensource\.org/licen[cs]es?)/(?P<key>[\w.+-]+?)(?:\.html)?/?")
_PHRASES: Final = {
    "cc0": "CC0-1.0", "cc-0": "CC0-1.0", "cc zero": "CC0-1.0", "cc0 1.0": "CC0-1.0", "cc0 1.0 universal": "CC0-1.0",
    "creative commons zero": "CC0-1.0", "apache 2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0", "apache2": "Apache-2.0", "mit license": "MIT",
    "the mit license": "MIT",
    "gplv3": "GPL-3.0-only", "gplv2": "GPL-2.0-only", "bsd 3-clause": "BSD-3-Clause", "bsd 2-clause": "BSD-2-Clause",
    "unlicense": "Unlicense", "public domain mark": "LicenseRef-PDM", "public domain mark 1.0": "LicenseRef-PDM",
    "public domain": "LicenseRef-PublicDomain", "pd": "LicenseRef-PublicDomain",
    "all rights reserved": "LicenseRef-AllRightsReserved", "保留所有权利": "LicenseRef-AllRightsReserved",
    "版权所有": "LicenseRef-AllRightsReserved", "copyright": "LicenseRef-AllRightsReserved",
}  # fmt: skip
_FREE: Final = frozenset({"Permissive", "Public Domain", "Copyleft", "Copyleft Limited"})
_WAIVERS: Final = frozenset({"CC0-1.0", "Unlicense", "0BSD", "WTFPL", "PDDL-1.0"})
_UNATTRIBUTED: Final = _WAIVERS | {"MIT-0"}


@functools.lru_cache(maxsize=10_000)
def normalise(text: str) -> Licence:
    """Read one licence string: a name, an SPDX expression or a link. Raises nothing; `grade` says how much it lets.

    "A AND B" binds by both (the stricter counts); of "A OR B" the freer one is chosen for the grade and conditions.
    """
    words = " ".join(text.split()).strip(" .;")
    known = _known(words.casefold())
    if known:
        return _of_key(known)
    return _expression(words)


def _known(text: str) -> str:
    """The key of a text that is one of the known names or links, "" when it is not."""
    if text in _PHRASES:
        return _PHRASES[text]
    if found := _CC_LINK.fullmatch(text):
        if found["public"]:
            return "CC0-1.0" if found["public"] == "zero" else "LicenseRef-PDM"
        return f"CC-{found['kind'].upper()}-{found['version']}"
    if found := _RIGHTS.fullmatch(text):
        return f"LicenseRef-RightsStatements-{found['name'].upper()}-{found['v']}"
    if found := _LINK.fullmatch(text):
        return _spdx().get(found["key"].casefold(), "")
    return _creative_commons(text)


def _creative_commons(text: str) -> str:
    found = _CC.fullmatch(text)
    if found is None or not text.startswith(("cc", "creative", "attribution")):
        return ""
    rest = re.sub(r"[\s_-]", "", found["rest"])
    rest = re.sub("sharealike", "sa", re.sub("noderivatives|noderivs", "nd", re.sub("noncommercial", "nc", rest)))
    if not found["version"] or rest not in ("", "nc", "sa", "nd", "ncsa", "ncnd"):
        return ""  # without a version nobody knows which licence it is
    port = found["port"] or ""
    parts = ["CC", "BY", *re.findall("nc|sa|nd", rest), found["version"]]
    plain = "-".join(parts).upper()
    ported = f"{plain}-{port.upper()}"
    return _spdx().get(ported.casefold(), plain) if len(port) in (2, 3) else plain


def _expression(text: str) -> Licence:
    unread = Licence(f"LicenseRef-unparsed:{text}"[:LONGEST] if text else "LicenseRef-none", "unparsed")
    if not text or len(text) > LONGEST:
        return unread
    try:
        tree = _expressions().parse(text, validate=True)
    except (ExpressionError, ValueError, TypeError):
        return unread
    return _of_tree(tree, str(tree)) if tree is not None else unread


def _of_tree(tree: Any, expression: str) -> Licence:
    """The parts of an expression together: AND keeps every condition, OR takes the freest part."""
    if getattr(tree, "key", None):
        return _of_key(str(tree.key))
    if hasattr(tree, "license_symbol"):  # "X WITH exception": an exception only adds permission
        return Licence(expression, *_judged(_of_key(str(tree.license_symbol.key))))
    parts = [_of_tree(part, str(part)) for part in tree.args]
    ranked = sorted(parts, key=lambda one: (GRADES.index(one.grade), one.share_alike, one.no_derivatives))
    if type(tree).__name__.startswith("OR"):
        return Licence(expression, *_judged(ranked[0]))
    return Licence(
        expression, ranked[-1].grade, any(one.attribution for one in parts), any(one.share_alike for one in parts),
        any(one.no_derivatives for one in parts),
    )  # fmt: skip


def _judged(one: Licence) -> tuple[str, bool, bool, bool]:
    return one.grade, one.attribution, one.share_alike, one.no_derivatives


def _of_key(key: str) -> Licence:
    if key.startswith("CC-BY"):
        grade = "non_commercial" if "-NC" in key else "use_all"
        return Licence(key, grade, attribution=True, share_alike="-SA" in key, no_derivatives="-ND" in key)
    category = _categories().get(key, "")
    if category == "Public Domain" and key not in _WAIVERS:
        return Licence(key, "none")  # somebody's word that it is free: evidence, not a licence
    if key.startswith("LicenseRef-") and not category:
        return Licence(key, "none")
    if category not in _FREE:
        return Licence(key, _restricted(key) if category else "unparsed", attribution=bool(category))
    return Licence(
        key, "use_all", attribution=key not in _UNATTRIBUTED,
        share_alike=category.startswith("Copyleft"),
    )  # fmt: skip


def _restricted(key: str) -> str:
    text = key.casefold()
    if "academic" in text or "research" in text:
        return "academic"
    return "non_commercial" if "noncommercial" in text or "non-commercial" in text else "none"


@functools.cache
def _expressions() -> Any:
    """The reader of expressions, with its tokenizer: built at first use, other threads would see it half made."""
    found = get_spdx_licensing()
    found.get_advanced_tokenizer()
    return found


@functools.cache
def _categories() -> dict[str, str]:
    found: dict[str, str] = {}
    for row in get_license_index():
        for key in (row["spdx_license_key"], *row["other_spdx_license_keys"]):
            if key:
                found[key] = row["category"]
    return found


@functools.cache
def _spdx() -> dict[str, str]:
    return {key.casefold(): key for key in _categories()}
