"""What was measured, a JSON file a figure, and the machine it was measured on; a run can be resumed from these."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.benchmarks.commands import ROOT

Result = dict[str, Any]
PACKAGES = ("duckdb", "splink", "recordlinkage", "dedupe", "pandas", "numpy", "rapidfuzz")


@dataclass(frozen=True)
class Results:
    """Results by two names (what was measured, who was measured), below one folder."""

    folder: Path

    def find(self, of: str, who: str) -> Result | None:
        """One result, or None where it was not measured."""
        path = self._path(of, who)
        found: Result | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        return found

    def keep(self, of: str, who: str, result: Result) -> None:
        """Write one result, with when, on what and of which commit."""
        told = {"of": of, "who": who, "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "machine": machine(), **result}
        path = self._path(of, who)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part")
        half.write_text(json.dumps(told | {"commit": commit()}, indent=1), encoding="utf-8")
        half.replace(path)

    def all(self, of: Sequence[str], who: Sequence[str]) -> list[Result]:
        """Those that are there, in the order of the names."""
        return [found for one in of for other in who if (found := self.find(one, other))]

    def _path(self, of: str, who: str) -> Path:
        return self.folder / f"{of}--{who}.json"


def standard_folder() -> Path:
    """Where results are kept unless another folder is said: the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unified-customer-profile" / "benchmarks"


def machine() -> dict[str, Any]:
    """Processor, cores, memory in GB, system, Python and the packages that matter."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def commit() -> str:
    """The commit that is checked out, with + where the program differs from it; empty outside a repository."""
    differs = _git("status", "--porcelain", "--", "pipelines", "profile_service")
    return _git("rev-parse", "--short", "HEAD") + ("+" if differs else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
