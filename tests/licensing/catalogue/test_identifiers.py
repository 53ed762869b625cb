from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.catalogue import identifiers

GOOD = [
    ("isbn", "0-439-02348-3", "isbn", "9780439023481"),
    ("isbn", "ISBN 978-0-439-02348-1", "isbn", "9780439023481"),
    ("isbn", "979-0-2600-0043-8", "ismn", "9790260000438"),
    ("issn", "0317-8471", "issn", "03178471"),
    ("doi", "https://doi.org/10.1000/ABC", "doi", "10.1000/abc"),
    ("isrc", "US-S1Z-99-00001", "isrc", "USS1Z9900001"),
    ("iswc", "T-034.524.680-1", "iswc", "T0345246801"),
    ("ismn", "M-2306-7118-7", "ismn", "9790230671187"),
    ("gtin", "036000291452", "gtin", "0036000291452"),
    ("istc", "0A9-2002-12B4A105-7", "istc", "0A9200212B4A1057"),
    ("isni", "0000 0001 2147 9135", "isni", "0000000121479135"),
    ("orcid", "https://orcid.org/0000-0002-1825-0097", "orcid", "0000-0002-1825-0097"),
    ("gtin", "9780439023481", "isbn", "9780439023481"),
    ("gtin", "09780439023481", "isbn", "9780439023481"),
    ("gtin", "979-0-2600-0043-8", "ismn", "9790260000438"),
    ("gtin", "9771234567003", "issn", "12345679"),
    ("gtin", "9780439023484", "isbn", None),
    ("istc", "A02-2009-000004BE-A", "istc", "A022009000004BEA"),
    ("isan", "0000-0000-D07A-0090-Q-0000-0000-X", "isan", "00000000D07A0090"),
    ("isrc", "ISRC US-S1Z-99-00001", "isrc", "USS1Z9900001"),
    ("isrc", "DOI121200001", "isrc", "DOI121200001"),
    ("isrc", "ISRC12345678", "isrc", "ISRC12345678"),
    ("doi", "https://doi.org/10.1000/182%2F3", "doi", "10.1000/182/3"),
    ("ipi", "14107338", "ipi", None),
    ("ipi", "00014107338", "ipi", "00014107338"),
    ("ror", "https://ror.org/05dxps055", "ror", "05dxps055"),
    ("uri", "HTTPS://Example.org/A", "uri", "https://example.org/A"),
    ("own", "x-1", "own", "x-1"),
]


@pytest.mark.parametrize(("scheme", "sent", "found", "value"), GOOD)
def test_normalises_each_scheme(scheme: str, sent: str, found: str, value: str | None) -> None:
    made = identifiers.normalise(scheme, sent)
    assert made.sent == sent
    assert made.valid is (value is not None)
    if value is not None:
        assert (made.scheme, made.value, made.problem) == (found, value, "")


@pytest.mark.parametrize(
    ("scheme", "sent"),
    [
        ("isbn", "9780439023484"),
        ("isbn", "9.78043902348e+12"),
        ("issn", "0317-8472"),
        ("iswc", "T-034.524.680-2"),
        ("istc", "0A9-2002-12B4A105-8"),
        ("ipi", "00014107339"),
        ("ror", "05dxps056"),
        ("gtin", "4006381333932"),
        ("doi", "11.1000/abc"),
        ("isbn", ""),
        ("nonsense", "1"),
    ],
)
def test_keeps_and_marks_what_fails(scheme: str, sent: str) -> None:
    made = identifiers.normalise(scheme, sent)
    assert not made.valid
    assert made.sent == sent
    assert made.problem


def test_restores_zeros_only_with_a_fitting_check_digit() -> None:
    assert identifiers.restore_isbn_zeros("439023483") == "0439023483"
    assert identifiers.restore_isbn_zeros("439023484") is None
    assert identifiers.restore_isbn_zeros("0439023483") is None


@given(st.sampled_from(sorted(identifiers.SCHEMES)), st.text())
def test_any_text_gets_an_answer_and_a_valid_one_is_stable(scheme: str, text: str) -> None:
    made = identifiers.normalise(scheme, text)
    assert made.sent == text
    if made.valid:
        again = identifiers.normalise(made.scheme, made.value)
        assert (again.value, again.valid) == (made.value, True)
    else:
        assert made.problem
