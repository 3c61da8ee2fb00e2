"""The one way to disk."""

from locum.store.archive import Compaction
from locum.store.audited import AuditedTask, AuditedTaskStore
from locum.store.batches import BatchRow, BatchStore
from locum.store.call_filter import MOST_IDS, CallFilter
from locum.store.call_sums import (
    CallKey,
    CallSums,
    UnusableCalls,
    last_timed,
    stream_keys,
    stream_leads,
    stream_sums,
    unusable_calls,
)
from locum.store.call_totals import CallTotals
from locum.store.calls import CallStore
from locum.store.database import Database, open_database
from locum.store.deletion import Deletion
from locum.store.derived import DerivedKind
from locum.store.holding import hold
from locum.store.labels import LabelStore
from locum.store.ledger import Ledger
from locum.store.money import NANODOLLARS, Balance, Claim, Settlement, Verdict
from locum.store.naming import Naming
from locum.store.open_store import OpenStore
from locum.store.parquet import export_parquet
from locum.store.promotions import Promotion, PromotionEvent, PromotionStore
from locum.store.shadows import (
    Grouping,
    Route,
    Shadow,
    ShadowStore,
    Tally,
    hour_begin,
    lock_watch,
)
from locum.store.spends import SpendStore, Spent

__all__ = [
    "MOST_IDS",
    "NANODOLLARS",
    "AuditedTask",
    "AuditedTaskStore",
    "Balance",
    "BatchRow",
    "BatchStore",
    "CallFilter",
    "CallKey",
    "CallStore",
    "CallSums",
    "CallTotals",
    "Claim",
    "Compaction",
    "Database",
    "Deletion",
    "DerivedKind",
    "Grouping",
    "LabelStore",
    "Ledger",
    "Naming",
    "OpenStore",
    "Promotion",
    "PromotionEvent",
    "PromotionStore",
    "Route",
    "Settlement",
    "Shadow",
    "ShadowStore",
    "SpendStore",
    "Spent",
    "Tally",
    "UnusableCalls",
    "Verdict",
    "export_parquet",
    "hold",
    "hour_begin",
    "last_timed",
    "lock_watch",
    "open_database",
    "stream_keys",
    "stream_leads",
    "stream_sums",
    "unusable_calls",
]
