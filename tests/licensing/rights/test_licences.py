"""Licence strings: what is recognised, what they let a model maker do, and that doubt stays doubt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.rights import licences


@pytest.mark.parametrize(
    ("text", "expression", "grade", "flags"),
    [
        ("CC-BY-4.0", "CC-BY-4.0", "use_all", "a"),
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0", "non_commercial", "as"),
        ("cc-by-3.0-us", "CC-BY-3.0-US", "use_all", "a"),
        ("Creative Commons Attribution-ShareAlike 4.0 International", "CC-BY-SA-4.0", "use_all", "as"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/deed.en", "CC-BY-NC-ND-4.0", "non_commercial", "an"),
        ("http://creativecommons.org/licenses/by-nd/3.0", "CC-BY-ND-3.0", "use_all", "an"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0", "use_all", ""),
        ("CC0", "CC0-1.0", "use_all", ""),
        ("MIT", "MIT", "use_all", "a"),
        ("Apache License 2.0", "Apache-2.0", "use_all", "a"),
        ("GPL-3.0-only", "GPL-3.0-only", "use_all", "as"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", "use_all", "as"),
        ("MIT OR GPL-3.0-only", "MIT OR GPL-3.0-only", "use_all", "a"),
        ("Apache-2.0 AND CC-BY-NC-4.0", "Apache-2.0 AND CC-BY-NC-4.0", "non_commercial", "a"),
        ("Public Domain Mark 1.0", "LicenseRef-PDM", "none", ""),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "LicenseRef-PDM", "none", ""),
        ("public domain", "LicenseRef-PublicDomain", "none", ""),
        ("LicenseRef-scancode-public-domain", "LicenseRef-scancode-public-domain", "none", ""),
        ("CC-PDDC", "CC-PDDC", "none", ""),
        ("Unlicense", "Unlicense", "use_all", ""),
        ("http://rightsstatements.org/vocab/NoC-US/1.0/", "LicenseRef-RightsStatements-NOC-US-1.0", "none", ""),
        ("All rights reserved.", "LicenseRef-AllRightsReserved", "none", ""),
        ("\u4fdd\u7559\u6240\u6709\u6743\u5229", "LicenseRef-AllRightsReserved", "none", ""),
        ("CC BY", "LicenseRef-unparsed:CC BY", "unparsed", ""),
        ("free for everybody, honestly", "LicenseRef-unparsed:free for everybody, honestly", "unparsed", ""),
        ("", "LicenseRef-none", "unparsed", ""),
    ],
)
def test_known_and_unknown_strings(text: str, expression: str, grade: str, flags: str) -> None:
    found = licences.normalise(text)
    assert (found.expression, found.grade) == (expression, grade)
    told = zip("asn", (found.attribution, found.share_alike, found.no_derivatives), strict=True)
    assert "".join(letter for letter, on in told if on) == flags


@settings(deadline=None)  # the first text loads the index of licences
@given(st.text(max_size=300))
def test_anything_comes_back_storable_and_graded(text: str) -> None:
    found = licences.normalise(text)
    assert found.grade in licences.GRADES
    assert 0 < len(found.expression) <= licences.LONGEST
    assert set(found.columns()) == {"expression", "grade", "attribution", "share_alike", "no_derivatives"}
