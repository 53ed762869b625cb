"""Every job handler of the app: importing this module registers them. Celery's worker and the relay do."""

from __future__ import annotations

from licensing import flow
from licensing.clearing import tasks as clearing_tasks
from licensing.delivery import tasks as delivery_tasks
from licensing.grants import tasks as grants_tasks
from licensing.intake import tasks as intake_tasks
from licensing.jobs import tasks as jobs_tasks
from licensing.jobs import worker
from licensing.orders import tasks as orders_tasks
from licensing.payments import tasks as payments_tasks
from licensing.rights import tasks as rights_tasks
from licensing.royalties import tasks as royalties_tasks

#: What registers handlers, and the worker with the one Celery task.
MODULES = (
    flow,
    worker,
    clearing_tasks,
    delivery_tasks,
    grants_tasks,
    intake_tasks,
    jobs_tasks,
    orders_tasks,
    payments_tasks,
    rights_tasks,
    royalties_tasks,
)
