"""Bodies that come in slowly hold some threads of a worker, never all of them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from profile_service import deadline
from profile_service.api import bodies as at_bodies
from profile_service.api.bodies import Bodies
from profile_service.api.calls import KEY
from profile_service.errors import Refused


class Stalled:
    """A body that arrives when its sender pleases."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.reading = threading.Event()

    def read(self, size: int = -1, /) -> bytes:
        self.reading.set()
        assert self.arrived.wait(20)
        return b"{}"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(at_bodies, "_WAIT", 0.02)
    yield
    deadline.end()


def request_of(body: Any, *, known: bool) -> dict[str, Any]:
    return {"CONTENT_LENGTH": "2", "wsgi.input": body, **({KEY: "somebody"} if known else {})}


def read(bodies: Bodies, body: Any, *, known: bool) -> bytes:
    environ = request_of(body, known=known)
    bodies.guard(environ)
    content: bytes = environ["wsgi.input"].read(2)
    return content


@pytest.mark.parametrize(("known", "held", "others_may"), [(False, 2, True), (True, 3, False)])
def test_who_stalls_holds_half_of_the_threads_or_with_a_key_all_but_one(
    known: bool, held: int, others_may: bool
) -> None:
    bodies = Bodies(threads=4)
    stalled = [Stalled() for _ in range(held)]
    threads = [threading.Thread(target=read, args=(bodies, body), kwargs={"known": known}) for body in stalled]
    for thread, body in zip(threads, stalled, strict=True):
        thread.start()
        assert body.reading.wait(20)
    with pytest.raises(Refused) as refused:
        read(bodies, io.BytesIO(b"{}"), known=known)
    assert refused.value.kind == "busy"
    if others_may:
        assert read(bodies, io.BytesIO(b"{}"), known=True) == b"{}"
    for body in stalled:
        body.arrived.set()
    for thread in threads:
        thread.join(20)
    assert read(bodies, io.BytesIO(b"{}"), known=known) == b"{}"


def test_a_body_that_took_the_requests_time_is_a_timeout() -> None:
    deadline.begin(0.0)
    with pytest.raises(Refused) as refused:
        read(Bodies(threads=1), io.BytesIO(b"{}"), known=True)
    assert refused.value.kind == "timeout"


def test_a_request_without_a_body_is_left_alone() -> None:
    source = io.BytesIO()
    for environ in ({"wsgi.input": source}, {"wsgi.input": source, "CONTENT_LENGTH": "0"}):
        Bodies(threads=4).guard(environ)
        assert environ["wsgi.input"] is source
