"""The addresses under /v1, in the order of the guide. Each has a row in matrix.json."""

from __future__ import annotations

from django.urls import URLPattern, path, register_converter

from marketplace.api import (
    approvals,
    audits,
    books,
    catalogues,
    clearances,
    downloads,
    ends,
    grants,
    guests,
    imports,
    jobs,
    orders,
    people,
    proposals,
    reasons,
    releases,
    rights,
    schema,
    splits,
    statements,
    terms,
    uses,
    works,
)


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
    path("organisations/<id:organisation>/members/<id:user>:end", people.MemberRemoval.as_view()),
    path("keys", people.Keys.as_view()),
    path("keys/<id:key>:revoke", people.KeyRevocation.as_view()),
    path("guests", guests.Guests.as_view()),
    path("guests:end", guests.GuestEnd.as_view()),
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
    path("imports/<id:import_id>/rejected", imports.ImportRejected.as_view()),
    path("imports/<id:import_id>/issues", imports.ImportIssues.as_view()),
    path("uploads/<id:upload>/parts/<int:number>", imports.UploadPartDoor.as_view()),
    # Rights and terms
    path("claims", rights.Claims.as_view()),
    path("claims/<id:claim>", rights.ClaimDoor.as_view()),
    path("claims/<id:claim>:verify", ends.ClaimVerification.as_view()),
    path("claims/<id:claim>:end", ends.ClaimEnd.as_view()),
    path("splits", splits.Splits.as_view()),
    path("splits/<id:split>", splits.SplitDoor.as_view()),
    path("reservations", rights.Reservations.as_view()),
    path("reservations/<id:reservation>:end", ends.ReservationEnd.as_view()),
    path("open_licences", rights.OpenLicences.as_view()),
    path("terms", terms.TermsList.as_view()),
    path("terms/<id:terms_id>", terms.TermsDoor.as_view()),
    path("terms/<id:terms_id>:publish", terms.TermsPublication.as_view()),
    path("terms/<id:terms_id>/assignments", terms.TermsAssignments.as_view()),
    path("proposals", proposals.Proposals.as_view()),
    path("proposals/<id:proposal>", proposals.ProposalDoor.as_view()),
    path("proposals/<id:proposal>:approve", proposals.ProposalApproval.as_view()),
    path("proposals/<id:proposal>:reject", proposals.ProposalRejection.as_view()),
    # Asking
    path("works", works.Works.as_view()),
    path("works:batch_get", works.WorkBatch.as_view()),
    path("works/<str:work>", works.WorkDoor.as_view()),
    path("uses", uses.Uses.as_view()),
    path("uses/<id:use>", uses.UseDoor.as_view()),
    path("bundles", uses.Bundles.as_view()),
    path("bundles/<id:bundle>", uses.BundleDoor.as_view()),
    path("clearances", clearances.Clearances.as_view()),
    path("clearances/<id:clearance>", clearances.ClearanceDoor.as_view()),
    path("clearances/<id:clearance>/summary", clearances.ClearanceSummary.as_view()),
    path("clearances/<id:clearance>:compare", clearances.ClearanceComparison.as_view()),
    path("clearances/<id:clearance>/decisions", clearances.Decisions.as_view()),
    path("clearances/<id:clearance>/explain", clearances.Explanation.as_view()),
    path("approvals", approvals.Approvals.as_view()),
    path("approvals/<id:approval>:answer", approvals.ApprovalAnswer.as_view()),
    # Buying
    path("quotes", orders.Quotes.as_view()),
    path("quotes/<id:quote>", orders.QuoteDoor.as_view()),
    path("orders", orders.Orders.as_view()),
    path("orders/<id:order>", orders.OrderDoor.as_view()),
    path("orders/<id:order>/payment", orders.OrderPayment.as_view()),
    # What was bought
    path("grants", grants.Grants.as_view()),
    path("grants/<id:grant>", grants.GrantDoor.as_view()),
    path("grants/<id:grant>/certificate", grants.GrantCertificate.as_view()),
    path("grants/<id:grant>/works", grants.GrantWorks.as_view()),
    path("releases", releases.Releases.as_view()),
    path("releases/<id:release>", releases.ReleaseDoor.as_view()),
    path("releases/<id:release>/files", releases.ReleaseFiles.as_view()),
    path("releases/<id:release>/links", releases.ReleaseLinks.as_view()),
    path("downloads/<str:token>", downloads.Download.as_view()),
    path("certificates/<id:grant>", grants.CertificateDoor.as_view()),
    path("certificates:verify", grants.CertificateCheck.as_view()),
    # Money
    path("allocation_runs", books.AllocationRuns.as_view()),
    path("allocations", books.Allocations.as_view()),
    path("allocations/explain", statements.Cent.as_view()),
    path("statements", statements.Statements.as_view()),
    path("statements/<id:statement>.json", statements.StatementJson.as_view()),
    path("statements/<id:statement>.csv", statements.StatementCsv.as_view()),
    path("statements/<id:statement>", statements.StatementDoor.as_view()),
    path("ledger/trial_balance", books.TrialBalance.as_view()),
    path("ledger/entries", books.LedgerEntries.as_view()),
    path("ledger/verification", books.Verification.as_view()),
    path("audit", audits.Audit.as_view()),
    path("audit/verification", audits.AuditVerification.as_view()),
    path("fees", books.Fees.as_view()),
    path("reasons", reasons.Reasons.as_view()),
    # What goes on
    path("jobs", jobs.Jobs.as_view()),
    path("jobs/<id:job>", jobs.JobDoor.as_view()),
    path("jobs/<id:job>:cancel", jobs.JobCancellation.as_view()),
    path("events", jobs.Events.as_view()),
]
