"""The certificate check: the public page of a grant, and the verdict on a file that somebody presents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts import unit as units
from accounts.errors import Refused
from accounts.unit import SYSTEM
from licensing.grants import certificate, queries
from licensing.grants.queries import Public
from licensing.outside import signing
from licensing.rights import vocabulary
from marketplace.web import picture
from marketplace.web.words import language, word

LARGEST: Final = 4 * certificate.LIMIT
QUESTIONS: Final = ("signature_wrong", "issuer_unknown", "not_issued_here", "issuer_key_revoked")
"""Problems of `queries.presented` in the order in which they are asked about."""


class Presented(forms.Form):
    """A certificate as a file, or its text."""

    certificate = forms.FileField(
        required=False,
        label=gettext_lazy("Certificate file"),
        help_text=gettext_lazy("The file certificate.json of a delivery, at most 256 KB. It is checked and not kept."),
        error_messages={
            "empty": gettext_lazy("The file is empty."),
        },
        widget=forms.ClearableFileInput(attrs={"accept": ".json,application/json", "aria-describedby": "file-help"}),
    )

    text = forms.CharField(
        required=False,
        label=gettext_lazy("Or its text"),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "aria-describedby": "text-help"}),
        help_text=gettext_lazy("Everything from the first { to the last }."),
    )

    def clean_certificate(self) -> dict[str, Any] | None:
        """Read the file as a JSON object."""
        file = self.cleaned_data["certificate"]
        if not file:
            return None
        if file.size > LARGEST:
            raise forms.ValidationError(_("The file is larger than 256 KB; a certificate has at most 64 KB."))
        return _json_object(file.read(), _("This is no certificate: the file holds no JSON object."))

    def clean_text(self) -> dict[str, Any] | None:
        """Read the text as a JSON object."""
        text = self.cleaned_data["text"]
        return _json_object(text, _("This is no certificate: the text is no JSON object.")) if text else None

    def clean(self) -> dict[str, Any]:
        """One of both is enough; the file wins."""
        data = self.cleaned_data
        if not self.errors and data.get("certificate") is None and data.get("text") is None:
            self.add_error("certificate", _("Choose a file, or paste the text of one."))
        return data

    @property
    def document(self) -> dict[str, Any]:
        """What was presented."""
        given = (self.cleaned_data["certificate"], self.cleaned_data["text"])
        found: dict[str, Any] = next(each for each in given if each is not None)
        return found


def _json_object(data: bytes | str, complaint: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise forms.ValidationError(complaint)
    return found


@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """The form; a POST presents a file, `?id=grt_...` leads to the page of a grant."""
    wanted = request.GET.get("id", "").strip().rstrip("/").rpartition("/")[-1]
    if wanted:
        return redirect("web:certificate", grant=wanted)
    if request.method != "POST":
        return render(request, "web/check.html", {"form": Presented()})
    return _verdict(request, "web/check.html", {})


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, grant: str) -> HttpResponse:
    """What anybody may know of one certificate, and the form to present it."""
    try:
        facts = queries.public_facts(grant, at=_now())
    except Refused:
        return render(request, "web/no_certificate.html", {"grant": grant[:60]}, status=404)
    address = f"{settings.PUBLIC_URL}/certificates/{facts.grant}"
    context = {
        "facts": facts, "fingerprint": fingerprint(facts), "state": state(facts.status, facts.livemode),
        "address": address, "code": picture.code(address, title=_("QR code of this page's address")),
    }  # fmt: skip
    if request.method != "POST":
        return render(request, "web/certificate.html", {**context, "form": Presented()})
    return _verdict(request, "web/certificate.html", context)


def _verdict(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    form = Presented(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, template, {**context, "form": form}, status=422)
    found = queries.presented(form.document, at=_now())
    public: Public | None = found["certificate"]
    shown = {
        **context,
        "form": Presented(),
        "verdict": verdict(found),
        "checks": checks(found),
        "presented": public,
        "presented_fingerprint": fingerprint(public) if public else "",
        "gist": gist(found["document"]) if found["document"] else [],
        "details": details(found["document"]) if found["document"] else [],
        "other": public is not None and "facts" in context and public.grant != context["facts"].grant,
    }
    return render(request, "web/verdict.html", shown)


def fingerprint(facts: Public) -> str:
    """Hex SHA-256 of the issuer's public key, in groups of eight for the eye."""
    name = facts.issuer["id"].removeprefix("did:key:")
    text = signing.fingerprint(signing.public_key_of(f"{facts.issuer['id']}#{name}"))
    return " ".join(text[place : place + 8] for place in range(0, len(text), 8))


def state(status: str, livemode: bool) -> dict[str, str]:
    """Word, tone and sentence of a status; colour never stands alone. Test mode never looks like a licence."""
    if status == "valid" and not livemode:
        sentence = _("The certificate is in order, but it is a test and licenses nothing.")
        return {"word": _("Test, valid"), "tone": "info", "sentence": sentence}
    found = {
        "valid": (_("Valid"), "ok", _("The licence is in force.")),
        "not_yet": (_("Not yet valid"), "warn", _("The licence begins later.")),
        "expired": (_("Expired"), "warn", _("The licence has ended. What its terms allow afterwards stays allowed.")),
        "suspended": (_("Suspended"), "bad", _("The licence must not be used until it is restored.")),
        "revoked": (_("Revoked"), "bad", _("The licence was taken back and must not be relied on.")),
        "superseded": (_("Superseded"), "warn", _("A newer version of this certificate was issued.")),
    }
    unknown = (_("Unknown"), "bad", _("The status could not be found out."))
    word, tone, sentence = found.get(status, unknown)
    return {"word": word, "tone": tone, "sentence": sentence}


def verdict(found: Mapping[str, Any]) -> dict[str, str]:
    """The head line of the answer to a presented file."""
    problem = found["problem"]
    if problem is None:
        return state(found["status"], found["certificate"].livemode)
    words = {
        "signature_wrong": (
            _("Wrong"), _("The signature does not fit: the file was changed, or it is no Licet certificate.")
        ),
        "issuer_unknown": (_("Not from here"), _("The signature fits, but it was made with a key that is not ours.")),
        "not_issued_here": (_("Not from here"), _("Our key made the signature, but no such certificate is on record.")),
        "issuer_key_revoked": (_("Not to be trusted"), _("The key that signed this certificate was revoked.")),
    }  # fmt: skip
    word, sentence = words.get(problem, (_("Unknown"), str(problem)))
    return {"word": word, "tone": "bad", "sentence": sentence}


def checks(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The questions in order with their answers: yes, no, or not asked because an earlier answer was no."""
    names = {
        "signature_wrong": _("The signature fits the document"),
        "issuer_unknown": _("It was made with a key of this issuer"),
        "not_issued_here": _("The certificate is on record here, unchanged"),
        "issuer_key_revoked": _("The key was not compromised"),
        "status": _("The licence is in force"),
    }
    at = len(QUESTIONS) if found["problem"] is None else QUESTIONS.index(found["problem"])
    answers: list[bool | None] = [True] * at + [False] + [None] * (len(QUESTIONS) - at)
    if found["problem"] is None:
        answers[-1] = bool(found["ok"])
    tones = {True: ("ok", _("yes")), False: ("bad", _("no")), None: ("", _("not asked"))}
    return [
        {"name": name, "tone": tones[good][0], "answer": tones[good][1]}
        for name, good in zip(names.values(), answers, strict=True)
    ]


def gist(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The four things a reader wants first: who was licensed, by whom, for what, until when."""
    subject = document["credentialSubject"]
    names = [each["name"] for each in subject["licensor"][:3]]
    rest = subject["licensorCount"] - len(names)
    if rest:
        names.append(_("and %(count)s more") % {"count": rest})
    return [
        (_("Licensee"), subject["licensee"]["name"]),
        (_("Licensors"), _(", ").join(names)),
        (_("Licensed for"), _(", ").join(action_names(subject["agreement"]["permission"]))),
        (_("Training until"), subject["periods"]["training_until"] or _("without end")),
    ]


def details(document: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """All that one of our certificates says, as (name, lines), for whoever holds the file."""
    subject = document["credentialSubject"]
    periods, works, terms = subject["periods"], subject["works"], subject["terms"]
    licensors = [f"{each['name']} ({_bare(each['id'])})" for each in subject["licensor"]]
    rest = subject["licensorCount"] - len(licensors)
    if rest:
        licensors.append(_("and %(count)s more") % {"count": rest})
    return [
        (_("Licensee"), [f"{subject['licensee']['name']} ({_bare(subject['licensee']['id'])})"]),
        (_("Licensors"), licensors),
        (_("Allowed uses"), action_names(subject["agreement"]["permission"])),
        (_("Territories"), [", ".join(subject["territories"])]),
        (_("Territories of the model"), [", ".join(subject["modelTerritories"])]),
        (_("Training from"), [periods["training_from"] or "—"]),
        (_("Training until"), [periods["training_until"] or _("without end")]),
        (_("Copies kept until"), [periods["copies_until"] or _("without end")]),
        (_("Trained models after that"), [word(periods["model_survival"])]),
        (_("Works"), [str(works["count"]), works["root"]]),
        (_("Terms"), [str(terms["count"]), terms["root"]]),
        (_("Assurance"), [f"{word(name)}: {count}" for name, count in sorted(subject["assurance"].items())]),
        (_("Open contests"), [str(subject["contests"]["count"]), *subject["contests"]["inline"]]),
        (_("Warranties"), list(subject["warranties"])),
        (_("Price commitment"), [subject["priceCommitment"]]),
        (_("Order"), [subject["order"]]),
    ]


def action_names(permissions: list[Mapping[str, Any]]) -> list[str]:
    """The leaf actions of an agreement in the reader's language."""
    found = {action.removeprefix(certificate.TERM) for each in permissions for action in each["action"]}
    return [vocabulary.LABELS[name][language()] if name in vocabulary.LABELS else name for name in sorted(found)]


def _bare(urn: str) -> str:
    return urn.removeprefix("urn:licet:")


def _now() -> datetime:
    with units.unit(SYSTEM):
        return units.now()
