"""What every request shares: the application's frame, and one admitted call with its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from flask import Request

from profile_service.api.answers import Answer, tagged
from profile_service.api.logs import Log
from profile_service.api.metrics import Metrics
from profile_service.api.rates import Rates
from profile_service.api.rendered import Rendered
from profile_service.api.tally import Tally
from profile_service.audit import Act, Audit
from profile_service.contracts.answers import view_of
from profile_service.contracts.shown import Projection
from profile_service.errors import Refused
from profile_service.journal import ReadJournal
from profile_service.keys import Key, Keys
from profile_service.live.step import Hand
from profile_service.settings import Settings
from profile_service.state import State
from profile_service.store.ledger import Glance, Ledger

if TYPE_CHECKING:
    from profile_service.console.guard import Desks

# What a request carries in its WSGI environment.
FRAME = "profile_service.frame"
REQUEST_ID = "profile_service.request_id"
KEY = "profile_service.key"
RATE = "profile_service.rate"
ROUTE = "profile_service.route"

_BEARER = "bearer "
_SAFE = ("GET", "HEAD")
_LONGEST_WORDS = 200


def route_of(environ: Mapping[str, Any]) -> str | None:
    """The template of the route that a request met, if it met one."""
    route: str | None = environ.get(ROUTE)
    if route is not None:
        return route
    request = environ.get("werkzeug.request")
    rule = request.url_rule if request is not None else None
    return None if rule is None else rule.rule


class World(Protocol):
    """Where the state that answers a request comes from."""

    def state(self, glance: Glance | None = None) -> State:
        """The generation that stands and the overlay on it; raises a ProfileError before there is one."""

    def follow(self) -> bool:
        """Go over to the generation that stands by now; whether it is another one than before."""

    def write(self) -> AbstractContextManager[Hand]:
        """The ledger's write lock on the generation that stands; leaving the block commits."""


@dataclass(frozen=True)
class Frame:
    """What all requests of one worker share."""

    settings: Settings
    ledger: Ledger
    keys: Keys
    world: World
    journal: ReadJournal
    audit: Audit
    rates: Rates
    metrics: Metrics
    log: Log
    tally: Tally
    rendered: Rendered
    clock: Callable[[], datetime]
    desks: Desks

    def admit(self, environ: dict[str, Any], scope: str) -> Call:
        """The request as a call; Refused unless its key is valid, has ``scope`` and has not used up its rate."""
        said = environ.get("HTTP_AUTHORIZATION", "")
        if said[: len(_BEARER)].lower() != _BEARER:
            raise Refused("unauthorised", "no key came with the request: send Authorization: Bearer KEY")
        glance = self.ledger.glance()
        key = self.keys.verify(said[len(_BEARER) :].strip(), self.clock(), glance)
        environ[KEY] = key
        _read_words(environ)
        limit = self.settings.rate_limit_per_minute if key.rate_limit is None else key.rate_limit
        if limit:
            environ[RATE] = rate = self.rates.take(key.name, limit)
            if rate.retry_after:
                said = f"this key may send {limit} requests a minute"
                raise Refused("too-many-requests", said, retry_after=rate.retry_after)
        if scope not in key.scopes:
            raise Refused("forbidden", f"this key lacks the scope {scope}", scope=scope)
        return Call(self, key, environ, glance)


def _read_words(environ: Mapping[str, Any]) -> None:
    """Refuse what a client says of its request in words that no trail could show; a read has no Idempotency-Key."""
    for name, shown in (("HTTP_PURPOSE", "a Purpose"), ("HTTP_IDEMPOTENCY_KEY", "an Idempotency-Key")):
        said = environ.get(name)
        if said is None or (name == "HTTP_IDEMPOTENCY_KEY" and environ["REQUEST_METHOD"] in _SAFE):
            continue
        # the server hands on a header that is not ASCII as an empty one
        if not (0 < len(said) <= _LONGEST_WORDS and said.isascii() and said.isprintable()):
            raise Refused("bad-request", f"{shown} has 1 to {_LONGEST_WORDS} printable ASCII characters")


class Call:
    """One admitted request: whose key it carries, the state that answers all of it, and how it is answered.

    ``glance``: the look at the ledger that admitted it, for as long as it is fresh.
    """

    def __init__(self, frame: Frame, key: Key, environ: dict[str, Any], glance: Glance | None = None) -> None:
        self.frame = frame
        self.key = key
        self.environ = environ
        self.glance = glance
        self._state: State | None = None

    @property
    def state(self) -> State:
        """The generation and the overlay on it, one consistent pair for the whole request."""
        # no cached_property: until Python 3.12 it takes a lock
        if self._state is None:
            self._state = self.frame.world.state(self.glance)
        return self._state

    def read(self) -> Request:
        """The request with its body and parameters, which may take long to arrive: what was glanced at grows old."""
        self.glance = None
        request = Request(self.environ)
        request.max_content_length = self.frame.settings.max_body_bytes
        return request

    @property
    def request_id(self) -> str:
        """The request's id, for the audit trail."""
        known: str = self.environ[REQUEST_ID]
        return known

    @property
    def purpose(self) -> str:
        """Why the caller asks, from the header ``Purpose``; the audience of its key when it says nothing."""
        said: str = self.environ.get("HTTP_PURPOSE", "")
        return said or self.key.audience

    def act(self, action: str, customer_id: str | None, details: Mapping[str, Any] | None = None) -> Act:
        """What this call does, for the audit trail; ``details`` names fields, counts and ids, never values."""
        return Act(self.key.name, action, customer_id, self.purpose, self.environ[REQUEST_ID], details or {})

    def view(self, what: str) -> Projection:
        """How this key sees ``what``: profile, event, hit or explanation."""
        return view_of(what, self.key.audience, frozenset(self.key.mask))

    def page_size(self, asked: int | None) -> int:
        """How many items a page has. Raises Refused for more than the service gives."""
        most = self.frame.settings.max_page
        if asked is not None and asked > most:
            errors = [{"parameter": "limit", "detail": f"is more than {most}"}]
            raise Refused("invalid-request", "see errors", errors=errors)
        return self.frame.settings.default_page if asked is None else asked

    def note_read(self, action: str, customer_id: str | None, details: Mapping[str, Any] | None = None) -> None:
        """Note that this call reads a customer's data, before it is answered."""
        self.frame.journal.note(self.act(action, customer_id, details))

    def answer(self, document: Any, status: int = 200, **headers: str) -> Answer:
        """``document`` as JSON with a strong ETag; 304 without a body when the caller has it already.

        ``headers``: further ones, an underscore for each hyphen.
        """
        answer = tagged(orjson.dumps(document), status, self._known)
        for name, value in headers.items():
            answer.headers[name.replace("_", "-")] = value
        return answer

    def answer_rendered(self, body: bytes, tag: str) -> Answer:
        """A body that stands already, with its ETag."""
        return tagged(body, 200, self._known, tag)

    @property
    def _known(self) -> str | None:
        """The ETags that the caller has already."""
        return self.environ.get("HTTP_IF_NONE_MATCH") if self.environ["REQUEST_METHOD"] in _SAFE else None
