"""The shapes of Stripe's resources in the pinned API version, as a card payment fills them.

Each function gives a whole new resource. `null` fields are listed, since a client may read any of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from marketplace.sandbox.stripe.cards import Card
from marketplace.sandbox.stripe.errors import Json
from marketplace.sandbox.stripe.store import identifier

API_VERSION = "2026-10-28.endive"


def _nulls(names: str) -> Json:
    return dict.fromkeys(names.split())


def customer(at: int, values: Json) -> Json:
    """A Customer from its create parameters."""
    shape = {
        **_nulls("address currency default_source description discount email name phone shipping test_clock"),
        "id": identifier("cus", 14),
        "object": "customer",
        "balance": 0,
        "created": at,
        "delinquent": False,
        "invoice_prefix": identifier("x", 8)[2:].upper(),
        "invoice_settings": _nulls("custom_fields default_payment_method footer rendering_options"),
        "livemode": False,
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
        "customer_account": None,
    }
    return {**shape, **values}


def payment_intent(at: int, values: Json) -> Json:
    """A PaymentIntent that waits for a payment method."""
    ident = identifier("pi")
    shape = {
        **_nulls(
            "application application_fee_amount automatic_payment_methods canceled_at cancellation_reason customer"
            " customer_account description excluded_payment_method_types last_payment_error latest_charge"
            " managed_payments next_action on_behalf_of payment_method payment_method_configuration_details processing"
            " receipt_email review setup_future_usage shipping source statement_descriptor"
            " statement_descriptor_suffix transfer_data transfer_group"
        ),
        "id": ident,
        "object": "payment_intent",
        "amount": 0,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic_async",
        "client_secret": f"{ident}_{identifier('secret')}",
        "confirmation_method": "automatic",
        "created": at,
        "livemode": False,
        "metadata": {},
        "payment_method_options": {"card": _nulls("installments mandate_options network request_three_d_secure")},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }
    return {**shape, **values}


def charge(at: int, intent: Json, card: Card, method: str) -> Json:
    """A successful, captured card charge of a PaymentIntent; a failed one is made from it by `failed_charge`."""
    ident = identifier("ch")
    return {
        **_nulls(
            "application application_fee application_fee_amount balance_transaction failure_balance_transaction"
            " failure_code failure_message on_behalf_of receipt_number review shipping source source_transfer"
            " statement_descriptor statement_descriptor_suffix transfer_data"
        ),
        "id": ident,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "billing_details": {
            "address": _nulls("city country line1 line2 postal_code state"),
            **_nulls("email name phone tax_id"),
        },
        "calculated_statement_descriptor": "LICET SANDBOX",
        "captured": True,
        "created": at,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": _outcome("approved_by_network", "authorized", "Payment complete."),
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method,
        "payment_method_details": {"type": "card", "card": _card_details(card, intent["amount"])},
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_url": f"https://pay.stripe.com/receipts/{ident}",
        "refunded": False,
        "status": "succeeded",
        "transfer_group": intent["transfer_group"],
    }


def _card_details(card: Card, amount: int) -> Json:
    return {
        **_nulls("installments mandate network_transaction_id regulated_status three_d_secure wallet"),
        "amount_authorized": amount,
        "authorization_code": "123456",
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": "LicetSandbox0000",
        "funding": "credit",
        "incremental_authorization": {"status": "unavailable"},
        "last4": card.number[-4:],
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
    }


def _outcome(network: str, kind: str, message: str, reason: str | None = None) -> Json:
    return {
        **_nulls("advice_code network_advice_code network_decline_code"),
        "network_status": network,
        "reason": reason,
        "risk_level": "normal",
        "seller_message": message,
        "type": kind,
    }


def failed_charge(paid: Json, code: str, message: str, decline_code: str | None) -> Json:
    """The charge the bank refused."""
    refused = _outcome(
        "declined_by_network",
        "issuer_declined",
        "The bank did not return any further details with this decline.",
        decline_code or code,
    )
    return {
        **paid,
        "amount_captured": 0,
        "captured": False,
        "failure_code": code,
        "failure_message": message,
        "outcome": refused,
        "paid": False,
        "receipt_url": None,
        "status": "failed",
    }


def payment_method(at: int, method: str, card: Card) -> Json:
    """The card a buyer gave."""
    return {
        "id": method,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": _nulls("city country line1 line2 postal_code state"),
            **_nulls("email name phone tax_id"),
        },
        "card": {
            **_nulls("generated_from regulated_status wallet"),
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "display_brand": card.brand,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": "LicetSandbox0000",
            "funding": "credit",
            "last4": card.number[-4:],
            "networks": {"available": [card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
        },
        "created": at,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def balance_transaction(at: int, source: Json, *, kind: str, amount: int, fee: int, available_on: int) -> Json:
    """One movement of the balance: `amount` gross (negative for refunds), `fee` and net, in minor units."""
    fees = [
        {
            "amount": fee,
            "application": None,
            "currency": source["currency"],
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": identifier("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": available_on,
        "balance_type": "payments",
        "created": at,
        "currency": source["currency"],
        "description": source["description"],
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fees if fee else [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }


def refund(at: int, paid: Json, values: Json) -> Json:
    """A refund of a charge."""
    shape = {
        **_nulls(
            "balance_transaction customer customer_account payment_method reason receipt_number"
            " source_transfer_reversal transfer_reversal description"
        ),
        "id": identifier("re"),
        "object": "refund",
        "charge": paid["id"],
        "created": at,
        "currency": paid["currency"],
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": {},
        "payment_intent": paid["payment_intent"],
        "status": "succeeded",
    }
    return {**shape, **values}


def checkout_session(at: int, values: Json) -> Json:
    """An open hosted page."""
    shape = {
        **_nulls(
            "adaptive_pricing after_expiration allow_promotion_codes amount_subtotal amount_total"
            " billing_address_collection branding_settings cancel_url client_reference_id client_secret"
            " collected_information consent consent_collection currency currency_conversion customer customer_account"
            " customer_details customer_email discounts integration_identifier invoice locale origin_context"
            " payment_intent payment_link payment_method_configuration_details permissions recovered_from"
            " saved_payment_method_options setup_intent shipping_address_collection shipping_cost submit_type"
            " subscription success_url url wallet_options"
        ),
        "id": identifier("cs_test", 58),
        "object": "checkout.session",
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": at,
        "custom_text": _nulls("after_submit shipping_address submit terms_of_service_acceptance"),
        "customer_creation": "if_required",
        "invoice_creation": {
            "enabled": False,
            "invoice_data": {
                **_nulls("account_tax_ids custom_fields description footer issuer rendering_options"),
                "metadata": {},
            },
        },
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
    }
    return {**shape, "custom_fields": [], "shipping_options": [], **values}


def line_item(at: int, name: str, unit_amount: int, quantity: int, currency: str) -> Json:
    """One line of a Checkout Session with the one-off price made for it."""
    total = unit_amount * quantity
    return {
        "id": identifier("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": name,
        "metadata": {},
        "price": {
            **_nulls("custom_unit_amount lookup_key nickname recurring tiers_mode transform_quantity"),
            "id": identifier("price"),
            "object": "price",
            "active": False,
            "billing_scheme": "per_unit",
            "created": at,
            "currency": currency,
            "livemode": False,
            "metadata": {},
            "product": identifier("prod", 14),
            "tax_behavior": "unspecified",
            "type": "one_time",
            "unit_amount": unit_amount,
            "unit_amount_decimal": str(unit_amount),
        },
        "quantity": quantity,
    }


def event(at: int, kind: str, item: Json, *, request: str | None, key: str | None) -> Json:
    """A snapshot event about an object as it is now."""
    return {
        "id": identifier("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": at,
        "data": {"object": item},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": request, "idempotency_key": key},
        "type": kind,
    }


def page(url: str, rows: Iterable[Json], *, has_more: bool) -> Json:
    """A list object."""
    return {"object": "list", "url": url, "has_more": has_more, "data": list(rows)}
