"""The addresses under /v1, in the order of the guide. Each has a row in matrix.json."""

from __future__ import annotations

from django.urls import URLPattern, path, register_converter

from marketplace.api import catalogues, imports, jobs, orders, people, rights, schema, terms


class IdConverter:
    """A public id, or whatever was sent in its place: the door answers 404. Never a colon: those are acts."""

    regex = "[^/:]+"

    def to_python(self, value: str) -> str:
        """As sent."""
        return value

    def to_url(self, value: str) -> str:
        """As it is."""
        return value


register_converter(IdConverter, "id")

urlpatterns: list[URLPattern] = [
    path("schema", schema.Schema.as_view(), name="schema"),
    path("docs", schema.Docs.as_view(), name="docs"),
    # Who
    path("organisations", people.Organisations.as_view()),
    path("organisations/<id:organisation>/members", people.Members.as_view()),
    path("keys", people.Keys.as_view()),
    path("keys/<id:key>:revoke", people.KeyRevocation.as_view()),
    # What there is
    path("parties", catalogues.Parties.as_view()),
    path("catalogues", catalogues.Catalogues.as_view()),
    path("catalogues/<id:catalogue>/assets", catalogues.CatalogueAssets.as_view()),
    path("facts", catalogues.Facts.as_view()),
    path("imports", imports.Imports.as_view()),
    path("imports/<id:import_id>", imports.ImportDoor.as_view()),
    path("imports/<id:import_id>:complete", imports.ImportCompletion.as_view()),
    path("imports/<id:import_id>:commit", imports.ImportCommit.as_view()),
    path("imports/<id:import_id>:revert", imports.ImportReversal.as_view()),
    path("imports/<id:import_id>:cancel", imports.ImportCancellation.as_view()),
    path("imports/<id:import_id>/records", imports.ImportRecords.as_view()),
    path("imports/<id:import_id>/issues", imports.ImportIssues.as_view()),
    path("uploads/<id:upload>/parts/<int:number>", imports.UploadPartDoor.as_view()),
    # Rights and terms
    path("claims", rights.Claims.as_view()),
    path("splits", rights.Splits.as_view()),
    path("reservations", rights.Reservations.as_view()),
    path("open_licences", rights.OpenLicences.as_view()),
    path("terms", terms.TermsList.as_view()),
    path("terms/<id:terms_id>:publish", terms.TermsPublication.as_view()),
    path("terms/<id:terms_id>/assignments", terms.TermsAssignments.as_view()),
    # Buying
    path("quotes", orders.Quotes.as_view()),
    path("quotes/<id:quote>", orders.QuoteDoor.as_view()),
    path("orders", orders.Orders.as_view()),
    path("orders/<id:order>", orders.OrderDoor.as_view()),
    path("orders/<id:order>/payment", orders.OrderPayment.as_view()),
    # What goes on
    path("jobs", jobs.Jobs.as_view()),
    path("jobs/<id:job>", jobs.JobDoor.as_view()),
    path("jobs/<id:job>:cancel", jobs.JobCancellation.as_view()),
    path("events", jobs.Events.as_view()),
]
