"""Merkle trees: every proof verifies, nothing else does, and the streamed root is the recursive one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from licensing.kernel import digests

TREES = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def recursive_root(leaves: Sequence[bytes]) -> bytes:
    """Compute the root as RFC 9162, 2.1.1 defines it: split at the largest power of two below n."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = recursive_root(leaves[:half]), recursive_root(leaves[half:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_the_streamed_root_is_the_defined_one(leaves: list[bytes]) -> None:
    """Read once, from an iterator."""
    assert digests.merkle_root(iter(leaves)) == recursive_root(leaves)


@given(TREES, st.data())
def test_every_proof_verifies(leaves: list[bytes], data: st.DataObject) -> None:
    """For every leaf, with a path of logarithmic length."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, proof = digests.merkle_root(leaves), digests.inclusion_proof(leaves, index)
    assert digests.verify_inclusion(leaves[index], index, len(leaves), proof, root)
    assert len(proof) <= (len(leaves) - 1).bit_length()


@given(TREES, st.data())
def test_a_proof_shows_one_leaf_at_one_place(leaves: list[bytes], data: st.DataObject) -> None:
    """Another leaf, place, root or a changed path is not shown."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.integers(0, len(leaves) - 1))
    size, root = len(leaves), digests.merkle_root(leaves)
    proof = digests.inclusion_proof(leaves, index)
    assert not digests.verify_inclusion(leaves[index] + b"x", index, size, proof, root)
    assert not digests.verify_inclusion(leaves[index], index, size, proof, bytes(32))
    assert not digests.verify_inclusion(leaves[index], index, size, [*proof, bytes(32)], root)
    if leaves[other] != leaves[index]:
        assert not digests.verify_inclusion(leaves[other], index, size, proof, root)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        forged = [*proof[:place], bytes(32), *proof[place + 1 :]]
        assert not digests.verify_inclusion(leaves[index], index, size, forged, root)
        assert not digests.verify_inclusion(leaves[index], index, size, proof[:-1], root)


@given(TREES)
def test_a_root_is_of_this_number_of_leaves(leaves: list[bytes]) -> None:
    """Repeating the last leaf makes another tree (unlike in trees that pad)."""
    assert digests.merkle_root([*leaves, leaves[-1]]) != digests.merkle_root(leaves)


@given(st.lists(st.binary(max_size=8).filter(lambda line: b"\n" not in line)))
def test_lines_are_hashed_as_one_text(lines: list[bytes]) -> None:
    """The streamed digest is that of the joined bytes."""
    assert digests.of_lines(iter(lines)) == digests.sha256_hex(b"\n".join(lines))
