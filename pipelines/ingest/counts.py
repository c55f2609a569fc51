"""What became of every row received, by channel and kind; the sum holds or nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from profile_service.errors import PromiseBroken


@dataclass(frozen=True)
class FeedCounts:
    """One channel's customers or events in one run; PromiseBroken unless every row received has one outcome."""

    channel: str
    kind: str
    files_read: int = 0
    files_skipped: int = 0  # known by content, not read again
    received: int = 0
    accepted: int = 0  # now stand
    unchanged: int = 0  # known already, word for word
    superseded: int = 0  # kept as history: a newer version stands
    rejected: int = 0  # broke the contract
    suppressed: int = 0  # belong to an erased person

    def __post_init__(self) -> None:
        """Hold the sum true."""
        outcomes = self.accepted + self.unchanged + self.superseded + self.rejected + self.suppressed
        if self.received != outcomes:
            raise PromiseBroken(
                f"{self.channel} {self.kind}: {self.received:,} rows received, {outcomes:,} accounted for"
                f" (accepted {self.accepted:,}, unchanged {self.unchanged:,}, superseded {self.superseded:,},"
                f" rejected {self.rejected:,}, suppressed {self.suppressed:,})"
            )


@dataclass(frozen=True)
class IngestCounts:
    """The feeds of one run in the order of channels, and what a person should know of the landing folder."""

    feeds: Sequence[FeedCounts]
    notes: Sequence[str] = ()

    def total(self, outcome: str, kind: str | None = None) -> int:
        """The sum of one count (``received``, ``accepted`` …) over all channels, of one kind or of both."""
        return sum(getattr(feed, outcome) for feed in self.feeds if kind in (None, feed.kind))

    @property
    def anything_new(self) -> bool:
        """Whether a record or an event now stands that did not before."""
        return self.total("accepted") > 0

    def as_dict(self) -> dict[str, Any]:
        """The same, for JSON."""
        return {"feeds": [asdict(feed) for feed in self.feeds], "notes": list(self.notes)}
