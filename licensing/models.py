"""All tables of the app: Django finds models here; each lives with its capability."""

from __future__ import annotations

from licensing.catalogue.models import *
from licensing.clearing.models import *
from licensing.delivery.models import *
from licensing.events.models import *
from licensing.grants.models import *
from licensing.intake.models import *
from licensing.jobs.models import *
from licensing.ledger.models import *
from licensing.orders.models import *
from licensing.payments.models import *
from licensing.rights.models import *
from licensing.royalties.models import *
