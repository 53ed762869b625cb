"""The benchmarks write under a temporary folder, and make a small base text."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import texts


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder the benchmarks believe to be var/bench."""
    monkeypatch.setenv("LICET_VAR", str(tmp_path))
    monkeypatch.setattr(texts, "BASE", 2 * texts.MIB)
    return tmp_path / "bench"
