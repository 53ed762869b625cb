"""Single values as senders write them: dates, languages, countries, forms, roles. Pure; what cannot be read
comes back None.
"""

from __future__ import annotations

import calendar
import datetime as dt
import functools
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Final

from babel import Locale
from babel.core import get_global

from licensing.intake.record import FORMS, DateFact

_DATE: Final = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?(\d{2}))?)?(?:T[\d:.,+\-Z]*)?", re.IGNORECASE)
_RANGE: Final = re.compile(r"(\d{4}(?:\d{2}(?:\d{2})?)?)[/-]?(\d{4}(?:\d{2}(?:\d{2})?)?)")
_DECIMAL: Final = re.compile(r"(-?\d+)\.0+")
_NEGATIVE: Final = re.compile(r"-\d+(?:\.0+)?")
_MOMENT: Final = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?(Z|[+-]\d{2}:?(?:\d{2})?)?)?",
    re.IGNORECASE,
)
_TAG: Final = re.compile(
    r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?((?:-[a-z0-9]{5,8}|-\d[a-z0-9]{3})*)", re.IGNORECASE
)
_WORDS: Final[Mapping[str, str]] = {
    "book": "book", "ebook": "book", "e-book": "book", "novel": "book", "paperback": "book", "hardback": "book",
    "hardcover": "book", "图书": "book", "书": "book", "小说": "book", "article": "article", "文章": "article",
    "论文": "article", "poem": "poem", "poetry": "poem", "诗": "poem", "诗歌": "poem", "news": "news", "新闻": "news",
    "image": "image", "picture": "image", "photo": "image", "图片": "image", "audio": "audio", "audiobook": "audio",
    "音频": "audio", "有声书": "audio", "video": "video", "film": "video", "视频": "video", "score": "score",
    "乐谱": "score", "code": "code", "software": "code", "代码": "code", "dataset": "dataset", "数据集": "dataset",
    "other": "other", "其他": "other",
}  # fmt: skip
UNNAMED_WORDS: Final[Mapping[str, str]] = {
    "anonymous": "anonymous", "anon": "anonymous", "anon.": "anonymous", "佚名": "anonymous", "无名氏": "anonymous",
    "unknown": "unknown", "不详": "unknown", "various": "various", "various authors": "various", "et al.": "et_al",
}  # fmt: skip


def date_fact(text: str, source: str) -> tuple[DateFact, str]:
    """A date as an interval of days, and the code of what is wrong with it ("" when nothing is).

    Understands YYYY, YYYYMM, YYYYMMDD with or without hyphens and with a time (dropped: the holder's local date), and
    ranges of them. Anything else, "c. 1850" and negative years too, is kept as sent with no interval.
    """
    value = text.strip()
    if _NEGATIVE.fullmatch(value):
        return DateFact(text, None, None, source), "date_before_common_era"
    decimal = _DECIMAL.fullmatch(value)
    value = decimal[1] if decimal else value
    span = _span(value)
    if span is None:
        return DateFact(text, None, None, source), "date_unreadable"
    return DateFact(text, span[0], span[1], source), "number_decimal" if decimal else ""


def _span(value: str) -> tuple[dt.date, dt.date] | None:
    if match := _DATE.fullmatch(value):
        return _days(match[1], match[2], match[3])
    if match := _RANGE.fullmatch(value):
        first, last = _span(match[1]), _span(match[2])
        if first and last and first[0] <= last[1]:
            return first[0], last[1]
    return None


def _days(year: str, month: str | None, day: str | None) -> tuple[dt.date, dt.date] | None:
    try:
        first = dt.date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    if day:
        return first, first
    last_month = int(month or 12)
    return first, dt.date(int(year), last_month, calendar.monthrange(int(year), last_month)[1])


def moment(text: str) -> dt.datetime | None:
    """The moment a message says it was sent (YYYYMMDD, with a time and a zone where there are any), or None.

    Without a zone it is read as UTC: two messages of one sender are compared, nothing else.
    """
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return None
    zone = match[7] or "Z"
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    ahead = 0 if zone in "Zz" else int(zone[1:3]) * 60 + int(zone[3:].lstrip(":") or 0)
    try:
        moment = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
        return moment - dt.timedelta(minutes=-ahead if zone[0] == "-" else ahead)
    except (ValueError, OverflowError):
        return None


def language(text: str, script: str = "", country_code: str = "") -> str | None:
    """A BCP 47 tag from a tag or an ISO 639-2 code (both B and T), or None. `und`, `mul`, `zxx` pass as they are."""
    match = _TAG.fullmatch(text.strip().replace("_", "-"))
    if match is None:
        return None
    base = match[1].lower()
    if base not in ("und", "mul", "zxx", "mis"):
        base = get_global("language_aliases").get(base, base) if len(base) == 3 else base
        if base not in _languages():
            return None
    parts = [base, (match[2] or script).title(), (match[3] or country_code).upper(), (match[4] or "")[1:].lower()]
    return "-".join(part for part in parts if part)


@functools.cache
def _languages() -> frozenset[str]:
    names = set(Locale("en").languages)
    return frozenset(name for name in names | set(get_global("likely_subtags")) if "_" not in name)


def country(text: str) -> str | None:
    """An ISO 3166-1 alpha-2 code (retired ones and XK too), or None."""
    code = text.strip().upper()
    if not re.fullmatch(r"[A-Z]{2}", code):
        return None
    return code if code in Locale("en").territories or code in get_global("territory_aliases") else None


def form(text: str) -> str | None:
    """One of record.FORMS from the words senders use, or None."""
    word = text.strip().casefold()
    return word if word in FORMS else _WORDS.get(word)


@functools.cache
def _roles() -> tuple[Mapping[str, str], Mapping[str, str]]:
    rows = json.loads(resources.files("licensing.intake").joinpath("data/roles.json").read_text("utf-8"))
    codes = {code: role for role, row in rows.items() for code in row["onix"]}
    words = {word: role for role, row in rows.items() for word in row["words"]}
    return codes, words


def role_of_code(code: str) -> str | None:
    """Our role of an ONIX List 17 code, or None when the list here does not have it."""
    return _roles()[0].get(code.strip().upper())


def role_of_word(word: str) -> str | None:
    """Our role of a word in English or Chinese, or None."""
    key = word.strip().casefold().rstrip(".")
    words = _roles()[1]
    return words.get(key) or words.get(key.rstrip("s")) or words.get(key.replace(" ", "_"))
