"""What operators ask: does it live, may it be sent requests, what has it measured."""

from __future__ import annotations

import shutil
from datetime import datetime

import orjson
from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST

from profile_service.api.answers import Answer
from profile_service.api.calls import FRAME, Frame
from profile_service.api.problems import answer_refusal, problem
from profile_service.api.routes import public
from profile_service.errors import LedgerUnavailable, ProfileError

_LEAST_FREE = 32_000_000  # bytes on the disk of the data directory

operations = Blueprint("operations", __name__)


@operations.get("/healthz")
@public
def is_alive() -> Response:
    """The process answers."""
    return Answer(b'{"status":"ok"}')


@operations.get("/readyz")
@public
def is_ready() -> Response:
    """A generation stands, the ledger answers, and there is room on the disk to write; else 503."""
    frame: Frame = request.environ[FRAME]
    try:
        standing = frame.world.state().generation
        frame.ledger.log().last_seq()
        free = shutil.disk_usage(frame.settings.data_dir).free
    except LedgerUnavailable as error:
        return answer_refusal(error, request.environ)
    except ProfileError as error:
        return problem(request.environ, "not-ready", str(error))
    if free < _LEAST_FREE:
        # no read can be noted in the audit trail then, so none is answered
        return problem(request.environ, "not-ready", f"the disk is full: {free // 1_000_000} MB are free")
    return Answer(orjson.dumps({"status": "ready", "run_id": standing.run_id, "as_of": standing.as_of}))


@operations.get("/metrics")
@public
def measure() -> Response:
    """What all workers measured, for Prometheus; nothing of any customer."""
    frame: Frame = request.environ[FRAME]
    frame.tally.tell()
    return Response(frame.metrics.page(_standing(frame)), content_type=CONTENT_TYPE_LATEST)


def _standing(frame: Frame) -> dict[str, tuple[str, float]]:
    """Gauges of what stands, read at the moment of asking."""
    facts = {"profiles_ready": ("1 when requests can be answered, else 0.", 0.0)}
    try:
        generation = frame.world.state().generation
        last = frame.ledger.log().last_seq()
    except ProfileError:
        return facts
    manifest = generation.generation.manifest
    age = (frame.clock() - datetime.fromisoformat(generation.as_of)).total_seconds() if generation.as_of else 0.0
    return {
        "profiles_ready": (facts["profiles_ready"][0], 1.0),
        "profiles_generation_customers": ("Customers in the standing generation.", manifest.customers),
        "profiles_generation_bytes": ("Size of its warehouse.", manifest.size_bytes),
        "profiles_generation_age_seconds": ("Seconds since the run that made it.", age),
        "profiles_ledger_live_entries": (
            "Entries of the ledger that no run has folded in.",
            last - generation.ledger_seq,
        ),
    }
