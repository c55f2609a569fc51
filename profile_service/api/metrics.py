"""Prometheus metrics of all workers together, none with personal data."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# Seconds; the service promises look-ups within milliseconds and searches within 150.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)
SHARED = "PROMETHEUS_MULTIPROC_DIR"  # where the workers of one server put their counts, named to the library so


class Metrics:
    """What one worker measures, and the page that shows what all of them did."""

    def __init__(self) -> None:
        self._own = CollectorRegistry()
        self._requests = Histogram(
            "profiles_request_seconds",
            "Seconds from the request's arrival in a worker to its answer.",
            ("method", "route", "status"),
            registry=self._own,
            buckets=_BUCKETS,
        )
        self._memory = Gauge(
            "profiles_worker_memory_bytes",
            "Resident memory of a worker.",
            registry=self._own,
            multiprocess_mode="liveall",
        )
        self._known: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; ``route`` is the template, never the URL."""
        labels = (method, route, status)
        note = self._known.get(labels)
        if note is None:
            note = self._known[labels] = self._requests.labels(method, route, str(status)).observe
        note(seconds)

    def note_memory(self) -> None:
        """Measure how much memory this worker holds."""
        self._memory.set(resident_bytes())

    def page(self, standing: Mapping[str, tuple[str, float]]) -> bytes:
        """The exposition text; ``standing``: gauges that any worker knows, name → (meaning, value)."""
        self.note_memory()
        shown: CollectorRegistry = self._own
        shared = os.environ.get(SHARED)
        if shared:
            _forget_dead_workers(Path(shared))
            shown = CollectorRegistry()
            MultiProcessCollector(shown, path=shared)  # type: ignore[no-untyped-call]
        now = CollectorRegistry()
        for name, (meaning, value) in standing.items():
            # a plain registry of this request alone: these are facts, not counts, and no worker's own
            now.register(_Fact(name, meaning, value))
        return generate_latest(shown) + generate_latest(now)


class _Fact(Collector):
    """A gauge whose value is known at the moment of asking."""

    def __init__(self, name: str, meaning: str, value: float) -> None:
        self._family = GaugeMetricFamily(name, meaning, value=value)

    def collect(self) -> list[GaugeMetricFamily]:
        """The one family."""
        return [self._family]


def resident_bytes() -> int:
    """Resident memory of this process; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _forget_dead_workers(folder: Path) -> None:
    """Drop the gauges of workers that have ended; their counts stay."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rsplit("_", 1)[-1]
        if pid.isdigit() and not _lives(int(pid)):
            file.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
