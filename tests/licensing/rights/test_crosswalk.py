"""Terms of other standards restrict and permit what the table of the design says, and evidence permits nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from licensing.rights import vocabulary
from licensing.rights.signals import restricted
from licensing.rights.vocabulary import cross, mask

FILE = json.loads((Path(vocabulary.__file__).parent / "data" / "crosswalk.json").read_bytes())
TRAIN = mask(["train"])


@pytest.mark.parametrize(
    ("standard", "term", "at_least"),
    [
        ("odrl_ai", "data-mining", "mine"), ("rsl", "all", "all"), ("cawg", "cawg.data_mining", "mine"),
        ("plus", "PROHIBITED", "mine"), ("onix_145", "11", "mine"), ("tdmrep", "tdm:mine", "mine"),
        ("odrl_ai", "ai-training", "train"), ("rsl", "ai-train", "train"),
        ("plus", "PROHIBITED-AIMLTRAINING", "train"), ("onix_145", "11", "train"), ("tdmrep", "tdm:mine", "train"),
        ("cawg", "cawg.ai_training", "train_discriminative"), ("odrl_ai", "gen-ai", "train_generative"),
        ("aipref", "train-ai", "train_generative"), ("cawg", "cawg.ai_generative_training", "train_generative"),
        ("plus", "PROHIBITED-GENAIMLTRAINING", "train_generative"), ("odrl_ai", "ai-augment", "ground"),
        ("rsl", "ai-input", "ground"), ("cawg", "cawg.ai_inference", "ground"), ("odrl_ai", "index", "index"),
        ("rsl", "ai-index", "index"), ("odrl_ai", "search", "search"), ("aipref", "search", "search"),
        ("rsl", "search", "search"),
    ],
)  # fmt: skip
def test_a_term_restricts_what_the_table_says(standard: str, term: str, at_least: str) -> None:
    assert mask([at_least]) & ~cross(standard, term, "restricts") == 0


def test_all_of_ai_is_every_ai_use_to_a_prohibition_and_less_to_a_permission() -> None:
    ai = mask(["train", "ground", "embed", "evaluate", "index", "synthesise"])
    assert ai & ~cross("rsl", "ai-all", "restricts") == 0
    assert cross("rsl", "ai-all", "permits") == mask(["train", "ground", "index"])


def test_search_engines_may_pass_where_only_they_are_excepted() -> None:
    assert cross("plus", "PROHIBITED-EXCEPTSEARCHENGINEINDEXING", "restricts") & mask(["index", "search"]) == 0


def test_mining_permits_mining_only() -> None:
    permitted = {cell["term"]: cell["uses"] for cell in FILE["cells"] if cell["direction"] == "permits"}
    assert cross("odrl_ai", "data-mining", "permits") == mask(["mine"])
    assert all("mine" not in uses for term, uses in permitted.items() if term not in ("data-mining", "all"))


@pytest.mark.parametrize("row", FILE["evidence_only"], ids=lambda row: f"{row['standard']} {row['term']}")
def test_evidence_permits_nothing(row: dict[str, str]) -> None:
    assert cross(row["standard"], row["term"], "permits") == 0


def test_only_odrl_and_rsl_permit_at_all() -> None:
    assert {cell["standard"] for cell in FILE["cells"] if cell["direction"] == "permits"} == {"odrl_ai", "rsl"}


def test_an_opt_out_nobody_understands_is_not_a_smaller_one() -> None:
    assert restricted("onix:145:11") & TRAIN == TRAIN
    assert restricted("plus:WHATEVER-2031") & (TRAIN | mask(["mine"])) == TRAIN | mask(["mine"])


def test_a_leaf_added_to_a_parent_later_is_in_its_old_reservations_and_in_no_old_permission() -> None:
    later = mask(["train"], restricts=True) & ~mask(["train"])
    assert later
    assert not later & mask(["all"])
    assert not mask(["train"]) & later
