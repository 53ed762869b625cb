"""Every job handler of the app: importing this module registers them. Celery's worker and the relay do."""

from __future__ import annotations

from licensing import flow  # noqa: F401  # registers `dispatch`
from licensing.intake import tasks as intake_tasks  # noqa: F401
from licensing.jobs import tasks as jobs_tasks  # noqa: F401
from licensing.jobs import worker  # noqa: F401  # the one Celery task
from licensing.royalties import tasks as royalties_tasks  # noqa: F401
