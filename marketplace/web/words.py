"""Words of our vocabularies (states, roles, kinds, ...) in the reader's language."""

from __future__ import annotations

from django.utils import translation


def language() -> str:
    """Which of the two languages of our data files the reader has: en or zh."""
    return "zh" if (translation.get_language() or "").startswith("zh") else "en"


def word(value: object) -> str:
    """A word of a vocabulary; a code with a dot stays as it is."""
    text = str(value)
    return text if "." in text or not text else translation.pgettext("value", text.replace("_", " "))
