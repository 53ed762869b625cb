"""Digests and Merkle trees against values known from elsewhere."""

from __future__ import annotations

import hashlib

import pytest

from licensing.kernel import digests

# The eight leaves and their roots used by the reference implementations of RFC 6962 and RFC 9162.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_roots_known_from_certificate_transparency(size: int) -> None:
    """The tree of the first n leaves, also of none."""
    assert digests.merkle_root(iter(LEAVES[:size])).hex() == ROOTS[size]


def test_the_shape_of_seven_leaves() -> None:
    """The path of RFC 9162, section 2.1.5: leaf d3 has [c, g, l], leaf d6 has [i, k]."""
    hashed = [digests.leaf_hash(leaf) for leaf in LEAVES[:7]]
    g = digests.node_hash(hashed[0], hashed[1])
    h = digests.node_hash(hashed[2], hashed[3])
    i = digests.node_hash(hashed[4], hashed[5])
    k = digests.node_hash(g, h)
    right = digests.node_hash(i, hashed[6])
    assert digests.inclusion_proof(LEAVES[:7], 0) == [hashed[1], h, right]
    assert digests.inclusion_proof(LEAVES[:7], 3) == [hashed[2], g, right]
    assert digests.inclusion_proof(LEAVES[:7], 4) == [hashed[5], hashed[6], k]
    assert digests.inclusion_proof(LEAVES[:7], 6) == [i, k]


def test_the_empty_tree() -> None:
    """Its root is the hash of nothing, and nothing is in it."""
    assert digests.merkle_root([]) == hashlib.sha256(b"").digest() == digests.EMPTY_ROOT
    assert not digests.verify_inclusion(b"", 0, 0, [], digests.EMPTY_ROOT)
    with pytest.raises(IndexError, match="no leaf 0 among 0"):
        digests.inclusion_proof([], 0)


@pytest.mark.parametrize("index", [-1, 3])
def test_no_proof_for_a_leaf_that_is_not_there(index: int) -> None:
    """Python's negative indexes are not leaves."""
    with pytest.raises(IndexError, match="among 3"):
        digests.inclusion_proof(LEAVES[:3], index)
    assert not digests.verify_inclusion(LEAVES[0], index, 3, [], digests.merkle_root(LEAVES[:3]))


def test_a_proof_of_another_length_shows_nothing() -> None:
    """Neither cut short nor with something behind it."""
    root = digests.merkle_root(LEAVES)
    proof = digests.inclusion_proof(LEAVES, 5)
    assert digests.verify_inclusion(LEAVES[5], 5, 8, proof, root)
    assert not digests.verify_inclusion(LEAVES[5], 5, 8, proof[:-1], root)
    assert not digests.verify_inclusion(LEAVES[5], 5, 8, [*proof, root], root)


def test_digests_of_bytes_lines_and_json() -> None:
    """Lines have a line feed between them and none at the end; JSON is canonical first."""
    assert digests.sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digests.of_lines([b"a", b"b"]) == digests.sha256_hex(b"a\nb")
    assert digests.of_lines([b"a"]) == digests.sha256_hex(b"a")
    assert digests.of_lines([]) == digests.sha256_hex(b"")
    assert digests.of_json({"b": 1, "a": []}) == digests.sha256_hex(b'{"a":[],"b":1}')
    with pytest.raises(ValueError, match="float"):
        digests.of_json(1.5)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
def test_every_leaf_of_an_uneven_tree_is_proven(size: int) -> None:
    """Also the last one, whose path skips the levels where it has no sibling."""
    leaves = LEAVES[:size]
    root = digests.merkle_root(leaves)
    for index, leaf in enumerate(leaves):
        assert digests.verify_inclusion(leaf, index, size, digests.inclusion_proof(leaves, index), root)


def test_a_long_stream_has_the_root_of_its_halves() -> None:
    """More leaves than are kept at a time: complete subtrees of equal width are joined."""
    leaves = [str(number).encode() for number in range(4096)]
    left, right = digests.merkle_root(leaves[:2048]), digests.merkle_root(leaves[2048:])
    assert digests.merkle_root(iter(leaves)) == digests.node_hash(left, right)
