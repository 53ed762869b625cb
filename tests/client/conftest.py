"""One sample release for all checks of the verifier; a test that changes it takes a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.licensing.delivery import sample


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample folder, never changed."""
    root = tmp_path_factory.mktemp("pristine") / "release"
    sample.write_release(root)
    return root


@pytest.fixture
def release(pristine: Path, tmp_path: Path) -> Path:
    """A copy of the sample folder."""
    return Path(shutil.copytree(pristine, tmp_path / "release"))
