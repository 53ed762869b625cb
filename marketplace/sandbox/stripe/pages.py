"""The hosted Checkout page: plain HTML without scripts, English or Chinese by Accept-Language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs

from marketplace.sandbox.stripe import checkout
from marketplace.sandbox.stripe.api import Api, Request
from marketplace.sandbox.stripe.cards import METHOD_BY_NUMBER
from marketplace.sandbox.stripe.errors import ApiError, Json
from marketplace.sandbox.stripe.payments import ZERO_DECIMAL
from marketplace.sandbox.stripe.store import Unit, identifier

PREFIX = "/c/pay/"
THREE_DECIMAL = frozenset({"bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"})
WORDS = {
    "en": {
        "title": "Checkout (test)",
        "notice": "Test page of the local payment stand-in. No real card, no real money.",
        "item": "Item",
        "quantity": "Quantity",
        "amount": "Amount",
        "total": "Total",
        "email": "Email (optional)",
        "card": "Card number",
        "hint": "4242 4242 4242 4242 pays; 4000 0000 0000 0002 is declined;"
        " 4000 0000 0000 9995 has insufficient funds.",
        "pay": "Pay",
        "cancel": "Cancel",
        "unknown": "This is not one of the test cards.",
        "declined": "The card was declined. Nothing was charged.",
        "expired": "This checkout page has expired. Nothing was charged.",
        "none": "There is no such checkout page.",
        "back": "Back to the shop",
    },
    "zh": {
        "title": "结账（测试）",
        "notice": "本地支付模拟服务的测试页面，不使用真实银行卡，也不会产生真实扣款。",
        "item": "项目",
        "quantity": "数量",
        "amount": "金额",
        "total": "合计",
        "email": "电子邮箱（可不填）",
        "card": "卡号",
        "hint": "4242 4242 4242 4242 付款成功；4000 0000 0000 0002 会被拒绝；4000 0000 0000 9995 余额不足。",
        "pay": "付款",
        "cancel": "取消",
        "unknown": "这不是测试卡号。",
        "declined": "银行卡被拒绝，未扣款。",
        "expired": "此结账页面已过期，未扣款。",
        "none": "没有这个结账页面。",
        "back": "返回商户",
    },
}
STYLE = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;max-width:34rem;
margin:2rem auto;padding:0 1rem}
.notice{border-left:.25rem solid #b45309;padding:.25rem .75rem}
.error{border-left:.25rem solid #b91c1c;padding:.25rem .75rem;font-weight:600}
table{width:100%;border-collapse:collapse;margin:1rem 0}
th,td{text-align:left;padding:.4rem .25rem;border-bottom:1px solid #8884;vertical-align:top;overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
a{color:inherit}
label{display:block;margin-top:1rem;font-weight:600}
input{width:100%;box-sizing:border-box;font:inherit;padding:.5rem}
.buttons{display:flex;gap:.75rem;margin-top:1.5rem}
button{font:inherit;padding:.6rem 1.25rem;border-radius:.4rem;border:1px solid #6b7280;cursor:pointer}
button.pay{background:#1d4ed8;border-color:#1d4ed8;color:#fff;flex:1}
"""


@dataclass(frozen=True, slots=True)
class Page:
    """HTML to show, or where to send the browser."""

    status: int
    html: str = ""
    location: str | None = None


def language(header: str) -> str:
    """`zh` when Chinese is the first of our two languages in Accept-Language, else `en`."""
    for part in header.split(","):
        tag = part.split(";")[0].strip().lower()
        if tag[:2] in WORDS:
            return tag[:2]
    return "en"


def answer(api: Api, request: Request) -> Page:
    """GET shows the page of a session; POST pays or cancels and sends the browser on."""
    tongue = language(request.headers.get("accept-language", ""))
    with api.store.lock:
        unit = Unit(api.store, identifier("req", 14), None, request.base_url)
        session = unit.find("checkout.session", request.path.removeprefix(PREFIX))
        if session is None:
            return Page(404, _document(tongue, f'<p class="error">{WORDS[tongue]["none"]}</p>'))
        session = checkout.current(unit, session)
        page = _act(unit, session, request, tongue)
        events = unit.commit({"method": request.method, "path": request.path, "status": page.status})
    api.courier.send(events)
    return page


def _act(unit: Unit, session: Json, request: Request, tongue: str) -> Page:
    if session["status"] == "complete":
        return Page(303, location=_success(session))
    if session["status"] == "expired":
        return Page(410, _document(tongue, _expired(session, tongue)))
    items = unit.private(session["id"])["line_items"]
    if request.method != "POST":
        return Page(200, _form(session, items, tongue, {}))
    given = {key: values[0] for key, values in parse_qs(request.body, keep_blank_values=True).items()}
    if given.get("act") == "cancel":
        return Page(303, location=session["cancel_url"] or request.path)
    method = METHOD_BY_NUMBER.get("".join(given.get("card", "").split()))
    if method is None:
        return Page(400, _form(session, items, tongue, given, "unknown"))
    try:
        paid = checkout.pay(unit, session, method, given.get("email"))
    except ApiError:
        return Page(402, _form(session, items, tongue, given, "declined"))
    return Page(303, location=_success(paid))


def _success(session: Json) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def money(minor: int, currency: str) -> str:
    """An amount in minor units as people write it, with its currency code: `USD 12.50`."""
    places = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    whole, part = divmod(minor, 10**places)
    return f"{currency.upper()} {whole:,}" + (f".{part:0{places}d}" if places else "")


def _expired(session: Json, tongue: str) -> str:
    words, back = WORDS[tongue], session["cancel_url"]
    link = f'<p><a href="{escape(back)}">{words["back"]}</a></p>' if back else ""
    return f'<p class="error">{words["expired"]}</p>{link}'


def _form(
    session: Json, items: Sequence[Json], tongue: str, given: Mapping[str, str], error: str | None = None
) -> str:
    """The page to pay on; after a refusal what was typed is still there."""
    words, currency = WORDS[tongue], session["currency"]
    rows = "".join(
        f'<tr><td>{escape(item["description"])}</td><td class="number">{item["quantity"]}</td>'
        f'<td class="number">{money(item["amount_total"], currency)}</td></tr>'
        for item in items
    )
    total = money(session["amount_total"], currency)
    warning = f'<p class="error" role="alert" id="error">{words[error]}</p>' if error else ""
    email = given.get("email", session["customer_email"] or "")
    wrong = ' aria-invalid="true"' if error else ""
    away = f'<button name="act" value="cancel" formnovalidate>{words["cancel"]}</button>'
    return _document(
        tongue,
        f"""{warning}
<table><thead><tr><th>{words["item"]}</th><th class="number">{words["quantity"]}</th>
<th class="number">{words["amount"]}</th></tr></thead><tbody>{rows}</tbody>
<tfoot><tr><th>{words["total"]}</th><td></td><th class="number">{total}</th></tr></tfoot></table>
<form method="post">
<label for="email">{words["email"]}</label>
<input id="email" name="email" type="email" value="{escape(email)}" autocomplete="off">
<label for="card">{words["card"]}</label>
<input id="card" name="card" value="{escape(given.get("card", "4242 4242 4242 4242"))}" inputmode="numeric"
 autocomplete="off" aria-describedby="{"error hint" if error else "hint"}"{wrong}><p id="hint">{words["hint"]}</p>
<div class="buttons"><button class="pay" name="act" value="pay">{words["pay"]} {total}</button>
{away if session["cancel_url"] else ""}</div>
</form>""",
    )


def _document(tongue: str, body: str) -> str:
    words = WORDS[tongue]
    return f"""<!doctype html>
<html lang="{"zh-Hans" if tongue == "zh" else "en"}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{words["title"]}</title>
<style>{STYLE}</style></head><body><main><h1>{words["title"]}</h1>
<p class="notice">{words["notice"]}</p>{body}</main></body></html>
"""
