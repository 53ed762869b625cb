"""Quotes, orders and payments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts import services as accounts
from accounts.permissions import Scope
from accounts.unit import Actor, unit
from licensing.catalogue import refs
from licensing.clearing.models import Clearance
from licensing.grants.models import Grant
from licensing.orders import services as orders
from licensing.orders.models import Order, Quote
from licensing.payments import services as payments
from licensing.payments.models import Payment
from marketplace.api import shapes
from marketplace.api.doors import Door, Strict
from marketplace.api.find import by_id, visible


class QuoteBody(Strict):
    """Quote the cleared works of a clearance, without some if wanted."""

    clearance = serializers.CharField()
    exclude = serializers.ListField(child=serializers.CharField(), required=False, default=list, max_length=1000)


class QuoteOut(shapes.Object):
    """A frozen offer: works + tax = total; the fee is contained in the works' price."""

    clearance = serializers.CharField()
    works_count = serializers.IntegerField()
    works = shapes.Money()
    fee_contained = shapes.Money()
    tax = shapes.Money()
    total = shapes.Money()
    expires_at = serializers.DateTimeField()
    status = serializers.CharField()
    sha256 = serializers.CharField()
    body = serializers.DictField()


def present_quote(row: Quote) -> Mapping[str, Any]:
    """The public form of a quote."""
    return shapes.thing(row, "quote") | {
        "clearance": row.clearance.name_id, "works_count": row.works_count,
        "works": shapes.money(row.works_minor, row.currency),
        "fee_contained": shapes.money(row.fee_minor, row.currency),
        "tax": shapes.money(row.tax_minor, row.currency), "total": shapes.money(row.total_minor, row.currency),
        "expires_at": shapes.moment(row.expires_at), "status": row.status, "sha256": row.sha256, "body": row.body,
    }  # fmt: skip


class Quotes(Door):
    """GET: the caller's quotes. POST: freeze an offer."""

    paged = True

    @extend_schema(responses=shapes.listing(QuoteOut), operation_id="quotes_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "orders.read", Scope(self.actor.organisation_id))
            return self.listed(visible(Quote.objects.select_related("clearance"), self.actor), present_quote)

    @extend_schema(request=QuoteBody, responses={201: QuoteOut}, operation_id="quotes_create")
    def post(self, request: Request) -> Response:
        """Quote a decided clearance."""
        sent = self.body(QuoteBody)
        at = self.now()
        with unit(self.actor):
            clearance = by_id(visible(Clearance.objects.select_related("use"), self.actor), sent["clearance"])
            permissions.check(self.actor, "clear", Scope(clearance.organisation_id))
            left_out = refs.all_works(sent["exclude"], actor=self.actor) if sent["exclude"] else []
            made = orders.quote(
                clearance=clearance, exclude=[work.pk for work in left_out],
                idem=request.headers.get("Idempotency-Key"), actor=self.actor, at=at,
            )  # fmt: skip
        return Response(present_quote(made), status.HTTP_201_CREATED)


class QuoteDoor(Door):
    """GET: one quote."""

    @extend_schema(responses=QuoteOut, operation_id="quotes_read")
    def get(self, request: Request, quote: str) -> Response:
        """A quote of the caller's organisation."""
        with unit(self.actor):
            found = by_id(visible(Quote.objects.select_related("clearance"), self.actor), quote)
            permissions.check(self.actor, "orders.read", Scope(found.organisation_id))
            return Response(present_quote(found))


class OrderBody(Strict):
    """Accept a quote."""

    quote = serializers.CharField()


class OrderOut(shapes.Object):
    """An order; `grant` once it is paid."""

    quote = serializers.CharField()
    total = shapes.Money()
    status = serializers.CharField()
    grant = serializers.CharField(allow_null=True)


def present_order(row: Order, grants: Mapping[int, str]) -> Mapping[str, Any]:
    """The public form of an order; `grants` maps order keys to grant ids."""
    return shapes.thing(row, "order") | {
        "quote": row.quote.name_id, "total": shapes.money(row.total_minor, row.currency), "status": row.status,
        "grant": grants.get(row.pk),
    }  # fmt: skip


def present_orders(rows: Sequence[Order]) -> list[Mapping[str, Any]]:
    """The public form of orders with their grants, in one look-up."""
    found = {grant.order_id: grant.name_id for grant in Grant.objects.filter(order__in=rows)}
    return [present_order(row, found) for row in rows]


class Orders(Door):
    """GET: the caller's orders. POST: accept a quote, once."""

    paged = True
    moves_money = True

    @extend_schema(responses=shapes.listing(OrderOut), operation_id="orders_list")
    def get(self, request: Request) -> Response:
        """Newest first."""
        with unit(self.actor):
            permissions.check(self.actor, "orders.read", Scope(self.actor.organisation_id))
            rows = visible(Order.objects.select_related("quote"), self.actor)
            return self.together(rows, present_orders)

    @extend_schema(request=OrderBody, responses={201: OrderOut}, operation_id="orders_create")
    def post(self, request: Request) -> Response:
        """Place the order of a quote."""
        sent = self.body(OrderBody)
        at = self.now()
        with unit(self.actor):
            quote = by_id(visible(Quote.objects.all(), self.actor), sent["quote"])
            permissions.check(self.actor, "orders.place", spending(quote, self.actor))
            order = orders.place(quote=quote, idem=request.headers["Idempotency-Key"], actor=self.actor, at=at)
            if order.created_at == at:  # placed now, not found again
                accounts.count_spending(key_id=self.actor.key_id, amount_minor=order.total_minor)
            return Response(present_order(order, {}), status.HTTP_201_CREATED)


def spending(quote: Quote, actor: Actor) -> Scope:
    """Whether the quote's total fits under what is left of the key's spend cap; an accepted quote was counted then."""
    fits = quote.status == "accepted" or accounts.room_for(
        key_id=actor.key_id, amount_minor=quote.total_minor, currency=quote.currency
    )
    return Scope(quote.organisation_id, facts=frozenset(() if fits else {"over_cap"}))


class OrderDoor(Door):
    """GET: one order."""

    @extend_schema(responses=OrderOut, operation_id="orders_read")
    def get(self, request: Request, order: str) -> Response:
        """An order of the caller's organisation."""
        with unit(self.actor):
            found = by_id(visible(Order.objects.select_related("quote"), self.actor), order)
            permissions.check(self.actor, "orders.read", Scope(found.organisation_id))
            return Response(present_orders([found])[0])


class PaymentBody(Strict):
    """How to pay; the addresses are where Checkout sends the buyer back to."""

    method = serializers.ChoiceField(payments.METHODS)
    success_url = serializers.URLField(required=False, default="")
    cancel_url = serializers.URLField(required=False, default="")


class PaymentOut(shapes.Object):
    """A payment: `client_secret` for Stripe's elements, `hosted_url` for the Checkout page."""

    order = serializers.CharField()
    method = serializers.CharField()
    amount = shapes.Money()
    status = serializers.CharField()
    stripe_id = serializers.CharField(allow_null=True)
    client_secret = serializers.CharField(allow_blank=True)
    hosted_url = serializers.CharField(allow_blank=True)


def present_payment(row: Payment) -> Mapping[str, Any]:
    """The public form of a payment."""
    return shapes.thing(row, "payment") | {
        "order": row.order.name_id, "method": row.method, "amount": shapes.money(row.amount_minor, row.currency),
        "status": row.status, "stripe_id": row.stripe_id, "client_secret": row.client_secret,
        "hosted_url": row.hosted_url,
    }  # fmt: skip


class OrderPayment(Door):
    """GET: payments of an order. POST: begin to pay it."""

    paged = True
    moves_money = True

    @extend_schema(responses=shapes.listing(PaymentOut), operation_id="payments_list")
    def get(self, request: Request, order: str) -> Response:
        """Newest first."""
        with unit(self.actor):
            found = by_id(visible(Order.objects.all(), self.actor), order)
            permissions.check(self.actor, "orders.read", Scope(found.organisation_id))
            rows = Payment.objects.filter(order=found).select_related("order")
            return self.listed(rows, present_payment)

    @extend_schema(request=PaymentBody, responses={201: PaymentOut}, operation_id="payments_create")
    def post(self, request: Request, order: str) -> Response:
        """Ask Stripe for a PaymentIntent or a Checkout page; the same key resumes, never doubles."""
        sent = self.body(PaymentBody)
        at = self.now()
        with unit(self.actor):
            found = by_id(visible(Order.objects.select_related("quote"), self.actor), order)
            permissions.check(self.actor, "orders.place", Scope(found.organisation_id))  # counted when it was placed
        made = payments.start(
            order=found, idem=request.headers["Idempotency-Key"], **sent, actor=self.actor, at=at
        )
        with unit(self.actor):
            return Response(present_payment(Payment.objects.select_related("order").get(pk=made.pk)), 201)
