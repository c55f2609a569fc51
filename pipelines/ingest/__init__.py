"""Every row that a landing folder holds is accepted, or accounted for otherwise."""

from pipelines.ingest.counts import FeedCounts, IngestCounts
from pipelines.ingest.stage import ingest

__all__ = ["FeedCounts", "IngestCounts", "ingest"]
