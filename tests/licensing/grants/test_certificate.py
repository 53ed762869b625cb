"""The certificate: a W3C credential that states the grant, hides the price and stays small."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing.grants import certificate, tree
from licensing.grants.certificate import ConditionSet, Constraint, Duty, Party, TermsLine
from licensing.grants.tree import WorksRoot
from licensing.kernel import canonical
from licensing.outside import signing
from tests.licensing.delivery import sample

CREDENTIALS_V2 = Path(__file__).parents[4] / "shared/data/standards/vc/credentials-v2.jsonld"
DATA = resources.files("licensing.grants") / "data"


def test_it_states_the_grant() -> None:
    document = certificate.build(sample.certificate_facts(livemode=True))
    subject = document["credentialSubject"]
    assert document["@context"] == [certificate.CREDENTIALS, certificate.CONTEXT]
    assert document["type"] == ["VerifiableCredential", "LicetCertificate"]
    assert [document["validFrom"], document["validUntil"]] == ["2026-01-02T03:04:05Z", "2028-01-02T03:04:05Z"]
    assert document["credentialStatus"][0]["statusListIndex"] == "4711"
    assert subject["works"] == {"root": sample.certificate_facts().works.root, "count": 8, "leaves": 14}
    assert subject["terms"]["inline"][0]["id"] == sample.TERMS
    assert subject["warranties"] == ["none given"]
    assert [item["name"] for item in subject["licensor"]] == ["First Press", "第二出版社"]


def test_a_test_certificate_is_another_type() -> None:
    assert certificate.build(sample.certificate_facts())["type"][1] == "LicetTestCertificate"


def test_a_perpetual_licence_has_no_end() -> None:
    assert "validUntil" not in certificate.build(sample.certificate_facts(valid_until=None))


def test_order_of_input_does_not_matter() -> None:
    facts = sample.certificate_facts()
    sets = [sample.CONDITIONS, replace(sample.CONDITIONS, duties=())]
    one = replace(facts, condition_sets=sets, terms=_terms(3))
    two = replace(facts, condition_sets=sets[::-1], terms=_terms(3)[::-1], licensors=facts.licensors[::-1])
    assert canonical.jcs(certificate.build(one)) == canonical.jcs(certificate.build(two))


def test_one_permission_per_distinct_condition_set() -> None:
    sets = [replace(sample.CONDITIONS, works=5), ConditionSet(("train_generative",), (), (), 3)]
    agreement = certificate.build(sample.certificate_facts(condition_sets=sets))["credentialSubject"]["agreement"]
    assert sorted(item["target"]["worksCount"] for item in agreement["permission"]) == [3, 5]
    assert {item["target"]["id"] for item in agreement["permission"]} == {
        "urn:licet:works:" + sample.certificate_facts().works.root
    }
    assert {item["conditionSet"] for item in agreement["permission"]} == {item.key() for item in sets}


def test_a_condition_set_is_named_by_its_content_alone() -> None:
    swapped = replace(sample.CONDITIONS, actions=sample.CONDITIONS.actions[::-1], works=1)
    assert swapped.key() == sample.CONDITIONS.key()
    assert replace(sample.CONDITIONS, duties=()).key() != sample.CONDITIONS.key()


def _terms(count: int) -> list[TermsLine]:
    return [
        TermsLine(f"trm_{n:026d}", 1, f"{n:064x}", f"{n:064x}", f"org_{n:026d}", f"{n:064x}", n) for n in range(count)
    ]


def _large(sets: int, terms: int, licensors: int, name: str) -> dict[str, Any]:
    conditions = [
        ConditionSet(("train_generative",), (Constraint("count", "lteq", str(n)),), (Duty("attribution"),), 1)
        for n in range(sets)
    ]
    return certificate.build(
        sample.certificate_facts(
            works=WorksRoot("0" * 64, 1_000_000, 1_000_200),
            terms=_terms(terms),
            licensors=[Party(f"org_{n:026d}", name) for n in range(licensors)],
            condition_sets=conditions,
            contests=[f"cfl_{n:026d}" for n in range(licensors)],
            assurance={"verified": 10**6, "asserted": 0},
        )
    )


@pytest.mark.parametrize("sets", [1, 100, 7_000])
@pytest.mark.parametrize("others", [1, 100, 101, 7_000])
@pytest.mark.parametrize("name", ["A", "非常长的出版社名称" * 20])
def test_a_million_works_fit_in_64_kib(sets: int, others: int, name: str) -> None:
    document = _large(sets, others, others, name)
    signed = canonical.jcs(signing.secure(document, sample.TEST_KEY, sample.AT))
    subject = document["credentialSubject"]
    assert len(signed) <= 64 * 1024
    assert [subject["terms"]["count"], subject["licensorCount"]] == [others, others]
    assert len(subject["agreement"]["permission"]) in {1, sets}


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="64 KiB"):
        certificate.build(sample.certificate_facts(use={"note": "x" * 70_000}))


@pytest.mark.parametrize("value", [1.5, 2**53])
def test_no_floats_and_no_large_integers(value: object) -> None:
    with pytest.raises(ValueError):
        certificate.build(sample.certificate_facts(use={"value": value}))


def test_times_have_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        certificate.build(sample.certificate_facts(valid_from=sample.AT.replace(tzinfo=None)))


def test_price_commitment_is_salted() -> None:
    price = {"amount": 1200, "currency": "eur"}
    assert certificate.price_commitment(b"s" * 16, price) == (
        hashlib.sha256(b"s" * 16 + b'{"amount":1200,"currency":"eur"}').hexdigest()
    )
    assert certificate.price_commitment(b"s" * 16, price) != certificate.price_commitment(b"t" * 16, price)
    with pytest.raises(ValueError):
        certificate.price_commitment(b"short", price)


def test_contexts_are_shipped_with_their_hashes() -> None:
    contexts = json.loads((DATA / "contexts.json").read_text())
    assert list(contexts) == [certificate.CONTEXT, certificate.CREDENTIALS]
    own = (DATA / contexts[certificate.CONTEXT]["file"]).read_bytes()
    assert hashlib.sha256(own).hexdigest() == contexts[certificate.CONTEXT]["sha256"]
    if not CREDENTIALS_V2.is_file():
        pytest.skip("the credentials/v2 context is not on this machine")
    official = hashlib.sha256(CREDENTIALS_V2.read_bytes()).hexdigest()
    assert official == contexts[certificate.CREDENTIALS]["sha256"]


def test_every_name_is_a_term_of_the_contexts() -> None:
    """Expanded offline as JSON-LD: a name no context defines would silently vanish."""
    if not CREDENTIALS_V2.is_file():
        pytest.skip("the credentials/v2 context is not on this machine")
    document = certificate.build(sample.certificate_facts())
    own = json.loads((DATA / "licence-v1.jsonld").read_text())["@context"]
    document["@context"] = [json.loads(CREDENTIALS_V2.read_text())["@context"], own]
    graph = rdflib.Graph().parse(data=json.dumps(document), format="json-ld")
    odrl = rdflib.Namespace("http://www.w3.org/ns/odrl/2/")
    licet = rdflib.Namespace(certificate.TERM)
    agreement = next(graph.subjects(rdflib.RDF.type, odrl.Agreement))
    permission = next(graph.objects(agreement, odrl.permission))
    target = next(graph.objects(permission, odrl.target))
    assert set(graph.objects(permission, odrl.action)) == {licet.evaluate, licet.train_generative}
    assert (target, rdflib.RDF.type, odrl.AssetCollection) in graph
    assert next(graph.objects(permission, odrl.constraint))
    subject = next(graph.subjects(rdflib.RDF.type, licet.Licence))
    known = {predicate for predicate in graph.predicates(subject) if predicate != rdflib.RDF.type}
    assert len(known) == len(document["credentialSubject"]) - 2  # id and type


# The works tree

IDS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 50)), unique=True, max_size=20)


@settings(deadline=None)
@given(IDS, st.randoms())
def test_the_root_depends_on_the_set_alone(ids: list[tuple[int, int]], shuffler: Any) -> None:
    works = [sample.licensed(number, organisation) for organisation, number in ids]
    root = tree.works_root(tree.ordered(works, sample.ORGANISATIONS), sample.SECRET)
    shuffler.shuffle(works)
    assert tree.works_root(tree.ordered(works, sample.ORGANISATIONS[::-1]), sample.SECRET) == root
    assert [root.works, root.leaves] == [len(ids), len(ids) + 6]


def test_neighbours_are_of_the_same_organisation_or_sentinels() -> None:
    ordered = sample.works()
    for before, work, after in zip(ordered, ordered[1:], ordered[2:], strict=False):
        if not tree.is_sentinel(work.work_id):
            assert before.organisation_id == work.organisation_id == after.organisation_id


def test_a_leaf_is_blinded_jcs() -> None:
    work = sample.licensed(1)._replace(licence="许可 “x” \u2028")
    key = tree.leaf_key(work.organisation_id, work.work_id)
    assert tree.leaf(work, tree.nonce(sample.SECRET, key)) == canonical.jcs([*work, tree.nonce(sample.SECRET, key)])
    assert tree.nonce(sample.SECRET, key) != tree.nonce(b"other", key)


def test_a_work_twice_or_a_holder_without_sentinels_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        tree.ordered([sample.licensed(1), sample.licensed(1)], sample.ORGANISATIONS)
    with pytest.raises(ValueError, match="without sentinels"):
        tree.ordered([sample.licensed(1, 1)], sample.ORGANISATIONS[:1])
