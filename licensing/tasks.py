"""Every job handler of the app: importing this module registers them. Celery's worker and the relay do."""

from __future__ import annotations

from licensing import flow
from licensing.intake import tasks as intake_tasks
from licensing.jobs import tasks as jobs_tasks
from licensing.jobs import worker
from licensing.royalties import tasks as royalties_tasks
