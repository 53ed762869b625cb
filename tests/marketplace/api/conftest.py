from __future__ import annotations

import pytest

from tests import cast as casting
from tests.cast import Cast


@pytest.fixture
def cast(db: None) -> Cast:
    return casting.hire()
