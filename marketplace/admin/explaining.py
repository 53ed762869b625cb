"""Explain this cent: every number behind one payee's amount, computed again from the frozen inputs."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Refused
from licensing.catalogue.models import Party, Work
from licensing.royalties import explain
from licensing.royalties.models import Allocation, AllocationRun
from marketplace.admin.columns import Cell, Words, code, micro, minor, number, pointer
from marketplace.admin.reading import table

HEADS = (gettext_lazy("step"), gettext_lazy("value"))


def link(run: AllocationRun, row: Allocation) -> SafeString:
    """A link to the explanation of an allocation."""
    asked = urlencode({"work": row.work.name_id, "payee": row.account.owner, "part": str(row.part_no)})
    address = f"{reverse('admin:licensing_allocationrun_explain', args=[run.pk])}?{asked}"
    return format_html('<a class="go" href="{}">{}</a>', address, _("explain"))


def page(admin: Any, request: HttpRequest, key: int) -> HttpResponse:
    """The page; 404 for what the mode does not show and for pairs of work and payee that got nothing."""
    run = admin.get_queryset(request).filter(pk=key).first()
    if run is None or not admin.has_view_permission(request):
        raise Http404(str(key))
    try:
        asked = {name: request.GET.get(name) for name in ("work", "payee", "part")}
        found = explain.cent(run=run.name_id, **asked)
    except Refused as refused:
        raise Http404(refused.message) from None
    context = {
        **admin.admin_site.each_context(request), "opts": admin.opts, "title": _("How an amount came about"),
        "run": run, "found": found, "called": _called(found), "amount": micro(found["amount_micro"], found["currency"]),
        "again": micro(found["recomputed_micro"], found["currency"]), "parts": _parts(found),
    }  # fmt: skip
    return render(request, "admin/explain.html", context)


def _called(found: dict[str, Any]) -> str:
    """The work's title and, where it is a party, the payee's name."""
    work = Work.objects.get(public_id=Work.decode(found["work"]))
    payee = Party.objects.filter(public_id=Party.decode(found["payee"])) if found["payee"].startswith("pty_") else None
    name = payee.first() if payee is not None else None
    return f"{work.title} → {name.name if name else found['payee']}"


def _parts(found: dict[str, Any]) -> list[tuple[str, SafeString]]:
    """Tables in the order of the arithmetic: the payment, the works, the payees of the work; then the sources."""
    return [
        (_("1. What there was to divide"), table(HEADS, _charge(found))),
        (_("2. What the work got of it"), table(HEADS, _work(found))),
        (_("3. What the payee got of the work"), table(HEADS, _payee(found))),
        (_("Where it is written"), table(HEADS, _sources(found))),
    ]


def _charge(found: dict[str, Any]) -> list[tuple[Words, Cell]]:
    charge, currency = found["charge"], found["currency"]
    return [
        (_("payment"), pointer(charge["payment"])),
        (_("gross"), number(minor(charge["gross_minor"], currency))),
        (_("less tax"), number(minor(charge["tax_minor"], currency))),
        (_("less the fee"), number(minor(charge["fee_minor"], currency))),
        (_("pool"), number(micro(charge["pool_micro"], currency))),
    ]


def _work(found: dict[str, Any]) -> list[tuple[Words, Cell]]:
    level, currency = found["work_level"], found["currency"]
    return [
        (_("work"), pointer(found["work"])),
        (_("weight of the work"), level["weight"]),
        (_("weight of all works"), level["weight_total"]),
        (_("floor, in millionths of the smallest unit"), level["floor"]),
        (_("remainder of the division"), level["remainder"]),
        (_("rank of the remainder among the works"), level["rank"]),
        (_("ranks up to which one more is given"), level["cut_rank"]),
        (_("amount of the work"), number(micro(level["amount_micro"], currency))),
    ]


def _payee(found: dict[str, Any]) -> list[tuple[Words, Cell]]:
    currency = found["currency"]
    return [
        (_("payee"), pointer(found["payee"])),
        (_("share of the payee"), found["share"]),
        (_("shares of all payees of the work"), found["share_of"]),
        (_("floor, in millionths of the smallest unit"), found["floor"]),
        (_("remainder of the division"), found["remainder"]),
        (_("rank of the remainder among the payees"), found["rank"]),
        (_("ranks up to which one more is given"), found["cut_rank"]),
        (_("held, because the work is contested"), bool(found["held"])),
        (_("amount"), number(micro(found["amount_micro"], currency))),
        (_("computed again from the frozen inputs"), number(micro(found["recomputed_micro"], currency))),
    ]


def _sources(found: dict[str, Any]) -> list[tuple[Words, Cell]]:
    return [
        (_("order"), pointer(found["charge"]["order"])),
        (_("claim"), pointer(found["claim"] or "")),
        (_("split"), pointer(found["split_version"] or "")),
        (_("document"), found["document"]),
        (_("entry"), pointer(found["entry"] or "")),
        (_("account"), code(found["account"])),
        (_("rule version"), code(found["rule_version"])),
        (_("hash of the inputs"), code(found["input_hash"])),
        (_("hash of the result"), code(found["output_hash"])),
    ]
