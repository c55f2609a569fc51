"""The service as processes: Granian's workers on one address, from the first request to the last."""

from __future__ import annotations

# connecting imports it: a worker forked meanwhile would find the import lock held by a thread that it does not have
import encodings.idna  # noqa: F401
import gc
import http.client
import logging
import math
import multiprocessing.util
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from pipelines.eraser import eraser_beside
from profile_service.errors import ProfileError, RunFailed, WrongUsage
from profile_service.settings import Settings

_SHARED_COUNTS = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported
_BACKLOG = 1024
_IDLE = 600  # seconds that a thread without work is kept: with it go its connections
_LONGEST_START = 60.0  # seconds
_LET_GO = 5.0  # seconds that a worker has for its last requests beyond the longest one
_BETWEEN_LOOKS = 0.5  # seconds


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are answered first.

    ``say`` is told the address, once it answers.

    Raises WrongUsage when the address cannot be had or the settings' secret not be read, LedgerUnavailable, NotFound
    when the generation that stands is damaged, and RunFailed when a worker cannot start.
    """
    settings = replace(settings, port=free_port(settings))
    counts = Path(tempfile.mkdtemp(prefix="profiles-counts-"))
    os.environ[_SHARED_COUNTS] = str(counts)
    try:
        _look_at(settings)
        server = Server(
            "profile_service",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            workers=settings.workers,
            blocking_threads=settings.threads,
            blocking_threads_idle_timeout=_IDLE,
            backlog=_BACKLOG,
            respawn_failed_workers=True,
            http1_settings=HTTP1Settings(header_read_timeout=_most_for_headers(settings)),
            workers_kill_timeout=math.ceil(settings.request_timeout_seconds + _LET_GO),
            log_level=LogLevels.warning,
            log_dictconfig=_logging(settings.log_level),
        )
        server.on_startup(partial(_announce, settings, say))
        # what is alike in all workers is shared between them
        gc.collect()
        gc.freeze()
        try:
            with eraser_beside(settings):
                server.serve(target_loader=partial(load_worker, settings, os.getpid()), wrap_loader=False)
        except SystemExit as ended:
            if ended.code:
                raise RunFailed("a worker could not go on; the log on standard error says why") from None
    finally:
        gc.unfreeze()
        shutil.rmtree(counts, ignore_errors=True)


def _most_for_headers(settings: Settings) -> int:
    """Milliseconds in which a request's line and headers are to arrive; Granian takes no more than a minute."""
    return min(60_000, math.ceil(1000 * settings.request_timeout_seconds))


def load_worker(settings: Settings, parent: int) -> Callable[..., Any]:
    """The application of one worker of the process ``parent``, closed when its process ends."""
    from profile_service.app import CLOSE, create_app

    try:
        app = create_app(settings)
    except ProfileError as error:
        logging.getLogger(__name__).error("a worker cannot start: %s", error)
        sys.exit(error.exit_status)
    # what is there for good is not looked through again and again for garbage while requests wait
    gc.collect()
    gc.freeze()
    # a worker is a multiprocessing child: atexit does not reach it
    multiprocessing.util.Finalize(None, app.extensions[CLOSE], exitpriority=10)
    threading.Thread(target=_end_after, args=(parent,), name="orphan", daemon=True).start()
    return app


def _end_after(parent: int) -> None:
    """End this worker in good order when ``parent`` was killed: it would hold the port against the next service."""
    while os.getppid() == parent:
        time.sleep(_BETWEEN_LOOKS)
    while True:
        # said once, it is lost on a worker that is just being started
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_BETWEEN_LOOKS)


def free_port(settings: Settings) -> int:
    """The port to serve on: the one set, or for 0 one that is free. Raises WrongUsage when it is taken.

    Asked beforehand, for the workers share their port, and would share it with a stranger's too.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((settings.host, settings.port))
        except OSError as error:
            said = error.strerror or str(error)
            raise WrongUsage(
                f"{settings.host}:{settings.port} cannot be served on: {said}; use another --port or --host"
            ) from error
        port: int = asked.getsockname()[1]
    return port


def _look_at(settings: Settings) -> None:
    """Fail here, in one line, where every worker would fail; and load what they all need."""
    import profile_service.app  # noqa: F401
    from profile_service.store.generation import standing_generation
    from profile_service.store.ledger import Ledger
    from profile_service.store.serving import ServingGeneration

    settings.server_secret()
    Ledger.open(settings.ledger, wait_seconds=settings.ledger_wait_seconds).close()
    standing = standing_generation(settings.data_dir)
    if standing is not None:
        ServingGeneration.open(standing, settings.models).close()


def _announce(settings: Settings, say: Callable[[str], None]) -> None:
    """Say the address as soon as a request is answered."""

    def wait() -> None:
        until = time.monotonic() + _LONGEST_START
        while time.monotonic() < until:
            if _answers(settings):
                say(f"http://{'[' + settings.host + ']' if ':' in settings.host else settings.host}:{settings.port}")
                return
            time.sleep(0.05)

    threading.Thread(target=wait, name="announce", daemon=True).start()


def _answers(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    asked = http.client.HTTPConnection(host, settings.port, timeout=2)
    try:
        asked.request("GET", "/healthz")
        return asked.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        asked.close()


def _logging(level: str) -> dict[str, Any]:
    """What libraries log goes where the service's own log goes, in its form; the server itself speaks of troubles."""
    shown = {"handlers": ["lines"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "profile_service.api.logs.JsonFormatter"}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": level, "handlers": ["lines"]},
        "loggers": {name: {**shown, "level": "WARNING"} for name in ("_granian", "granian.access")},
    }
