"""The service's API from Python: one method a call, identifiers in bodies, patience with a service that is busy."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

from profile_service.errors import ServiceProblem

Document = dict[str, Any]
_BUSY = (429, 503)
_LONGEST_WAIT = 30.0  # seconds, whatever Retry-After says


@dataclass(frozen=True)
class Patience:
    """How long a call goes on: seconds for one attempt, further attempts, and how to wait between them."""

    timeout: float = 5.0
    retries: int = 4
    sleep: Callable[[float], None] = time.sleep


class ProfileClient:
    """A connection to one service under one key; use it as a context manager, from any number of threads.

    Every method raises ``ServiceProblem`` for an answer that is a problem, httpx's errors where there is no answer. An
    answer 429 or 503 is awaited, and a call that found no connection is made again; writes carry an Idempotency-Key,
    so that one made twice happens once.
    """

    def __init__(
        self,
        address: str,
        key: str,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``address``: such as ``http://127.0.0.1:8000``; ``transport``: another way there than the network."""
        self._patience = patience or Patience()
        self._http = httpx.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=self._patience.timeout,
            follow_redirects=True,  # the id of a merged customer leads to the one that stands
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def profile(self, customer_id: str, *, fields: bool = False) -> Document:
        """The profile of a customer, by its id or one merged into it; ``fields``: with where each value comes from."""
        return self._get(_of(customer_id), **({"include": "fields"} if fields else {}))

    def lookup(self, *identifiers: tuple[str, str]) -> Document:
        """The one customer who carries all of some (type, value); none of them stands in a URL."""
        named = [{"type": kind, "value": value} for kind, value in identifiers]
        return self._post("/v1/profiles/lookup", {"identifiers": named})

    def search(self, text: str, limit: int = 20) -> Document:
        """Customers who fit what an agent typed, the likeliest first."""
        return self._post("/v1/profiles/search", {"query": text, "limit": limit})

    def timeline(self, customer_id: str, **filters: str) -> Iterator[Document]:
        """The customer's events, newest first, page after page; ``filters`` as the API names them."""
        return self._pages(f"{_of(customer_id)}/timeline", filters)

    def explain(self, customer_id: str) -> Document:
        """The customer's records and the links that hold them together."""
        return self._get(f"{_of(customer_id)}/explain")

    def put_record(self, record: Mapping[str, Any]) -> Document:
        """Take a channel's record in now; answers the customer it belongs to."""
        return self._post("/v1/records", record)

    def put_events(self, events: Sequence[Mapping[str, Any]]) -> Document:
        """Take events in now; one whose id its channel has sent before changes nothing."""
        return self._post("/v1/events", {"events": list(events)})

    def put_consents(self, customer_id: str, consents: Sequence[Mapping[str, Any]]) -> Document:
        """State consent by purpose and channel."""
        return self._call("PUT", f"{_of(customer_id)}/consents", json={"consents": list(consents)})

    def reviews(self, **filters: str) -> Iterator[Document]:
        """Pairs that wait for a steward, the most valuable first, page after page."""
        return self._pages("/v1/reviews", filters)

    def decide(self, review_id: str, verdict: str, reason: str) -> Document:
        """Decide a review: ``same`` or ``different``."""
        said = {"verdict": verdict, "reason": reason}
        return self._post(f"/v1/reviews/{quote(review_id, safe='')}/decision", said)

    def merge(self, customer_id: str, others: Sequence[str], reason: str, *, preview: bool = False) -> Document:
        """These customers are one person; a preview tells what would become of them and changes nothing."""
        said = {"customer_ids": list(others), "reason": reason, "preview": preview}
        return self._post(f"{_of(customer_id)}/merge", said)

    def split(self, customer_id: str, records: Sequence[str], reason: str, *, preview: bool = False) -> Document:
        """These records (``channel:source_record_id``) of a customer are another person's."""
        said = {"records": list(records), "reason": reason, "preview": preview}
        return self._post(f"{_of(customer_id)}/split", said)

    def undo(self, decision_id: str, reason: str) -> Document:
        """Take a decision back."""
        return self._post(f"/v1/judgements/{quote(decision_id, safe='')}/undo", {"reason": reason})

    def export(self, customer_id: str) -> Document:
        """All that is held of a customer."""
        return self._get(f"{_of(customer_id)}/export")

    def erase(self, customer_id: str) -> Document:
        """Erase a customer, at once and for good; answers the receipt."""
        return self._call("DELETE", _of(customer_id))

    def _get(self, path: str, **query: str) -> Document:
        return self._call("GET", path, params=query)

    def _post(self, path: str, body: Mapping[str, Any]) -> Document:
        return self._call("POST", path, json=dict(body))

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[Document]:
        cursor: str | None = None
        while True:
            page = self._get(path, **query, **({} if cursor is None else {"cursor": cursor}))
            yield from page["data"]
            cursor = page["page"]["next_cursor"]
            if cursor is None:
                return

    def _call(self, method: str, path: str, **content: Any) -> Document:
        headers = {} if method == "GET" else {"Idempotency-Key": uuid.uuid4().hex}
        for wait in self._waits():
            try:
                answer = self._http.request(method, path, headers=headers, **content)
            except httpx.TransportError:
                if wait is None:
                    raise
                self._patience.sleep(wait)
                continue
            if answer.is_success:
                return _document(answer)
            if wait is None or answer.status_code not in _BUSY:
                raise ServiceProblem(answer.status_code, _document(answer))
            self._patience.sleep(min(_seconds(answer, wait), _LONGEST_WAIT))
        raise AssertionError("the last attempt waits for nothing")

    def _waits(self) -> Iterable[float | None]:
        """Seconds to wait after each attempt where the service does not say how long; None after the last."""
        return [*(0.1 * 2**attempt for attempt in range(self._patience.retries)), None]


def _of(customer_id: str) -> str:
    return f"/v1/profiles/{quote(customer_id, safe='')}"


def _document(answer: httpx.Response) -> Document:
    try:
        document = answer.json() if answer.content else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _seconds(answer: httpx.Response, otherwise: float) -> float:
    try:
        return max(0.0, float(answer.headers["Retry-After"]))
    except (KeyError, ValueError):
        return otherwise
