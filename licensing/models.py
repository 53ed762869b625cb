"""All tables of the app: Django finds models here; each lives with its capability."""

from __future__ import annotations

from licensing.catalogue.models import *  # noqa: F403  # one app, one namespace of model names
from licensing.clearing.models import *  # noqa: F403
from licensing.delivery.models import *  # noqa: F403
from licensing.events.models import *  # noqa: F403
from licensing.grants.models import *  # noqa: F403
from licensing.intake.models import *  # noqa: F403
from licensing.jobs.models import *  # noqa: F403
from licensing.ledger.models import *  # noqa: F403
from licensing.orders.models import *  # noqa: F403
from licensing.payments.models import *  # noqa: F403
from licensing.rights.models import *  # noqa: F403
from licensing.royalties.models import *  # noqa: F403
