"""What each stage promises: a sentence, and a query that returns the rows breaking it."""

from pipelines.audits.audit import Audit, check
from pipelines.audits.delivery import DELIVERY, audit_delivery
from pipelines.audits.generation import GENERATION, audit_generation
from pipelines.audits.index import audit_index
from pipelines.audits.keys import Keys
from pipelines.audits.work import WORK, audit_work

__all__ = [
    "DELIVERY",
    "GENERATION",
    "WORK",
    "Audit",
    "Keys",
    "audit_delivery",
    "audit_generation",
    "audit_index",
    "audit_work",
    "check",
]
