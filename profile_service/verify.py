"""Whether the caller is who the profile is about: a code sent to what we know, or questions on recent dealings."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from profile_service.errors import Refused
from profile_service.store.ledger import Session, Transaction
from profile_service.store.ledger.desk_rows import (
    VerificationRow,
    add_verification,
    find_verification,
    settle_verification,
    verifications_of,
)
from profile_service.store.ledger.times import as_text, as_time
from profile_service.store.stored import moment_of

CODE, DEALINGS, REASON = "one-time code", "recent dealings", "reason given"
ASKED, PASSED, FAILED = "asked", "passed", "failed"
# How long a caller stays verified for the agent who asked; a call is seldom longer.
STANDS = timedelta(minutes=30)
_ANSWER_WITHIN = timedelta(minutes=10)
_MOST_ATTEMPTS = 3  # at one code
_MOST_FAILED = 3  # of one customer a day, by whomever asked: whoever guesses calls again
_DAY = timedelta(hours=24)
_CODE_DIGITS = 6
_OPTIONS = 4
_LEAST_QUESTIONS = 2
_LEAST_ASKED = 500  # cents: below, there is no room for smaller ones
_WHOLE_FROM = 10_000  # cents
_RUNGS = (1.3, 1.9)  # by what factor one option is dearer than the next


@dataclass(frozen=True)
class Question:
    """Something only the customer is likely to know; one of ``options`` is right."""

    asks: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Verified:
    """How a caller proved who they are, and until when that stands for this agent."""

    method: str
    until: datetime


def verified(session: Session, customer_id: str, user_name: str, now: datetime) -> Verified | None:
    """How the caller of an agent is verified as this customer; ``None`` when they are not."""
    for row in verifications_of(session, customer_id, as_text(now - STANDS - _ANSWER_WITHIN)):
        if row.user_name == user_name and row.state == PASSED and as_time(row.ends_at) > now:
            return Verified(row.method, as_time(row.ends_at))
    return None


def history(session: Session, customer_id: str, now: datetime) -> list[VerificationRow]:
    """Every attempt of the last day, the newest first."""
    return verifications_of(session, customer_id, as_text(now - _DAY))


def questions(
    events: Sequence[Mapping[str, Any]], identifiers: Sequence[Mapping[str, Any]]
) -> list[tuple[Question, int]]:
    """Questions with the place of the right option, made of a customer's last events; too few dealings make none."""
    bought = [event for event in events if event["amount"] and event["occurred_at"]]
    made: list[tuple[Question, int]] = []
    if bought:
        last = bought[0]
        cents = round(abs(float(last["amount"])) * 100)
        if cents >= _LEAST_ASKED:
            made.append(_amounts("What did your last purchase or return cost?", cents, last["currency"]))
        at = moment_of(last["occurred_at"])
        if at is not None:
            made.append(_options("In which month was your last purchase or return?", f"{at:%B %Y}", _months_near(at)))
        channels = {
            "store": "in a shop",
            "web": "on the web site",
            "mobile": "in the app",
            "call_center": "by telephone",
        }
        if last["channel"] in channels:
            others = [said for name, said in channels.items() if name != last["channel"]]
            made.append(_options("Where was your last purchase or return?", channels[last["channel"]], others))
    cards = [each["value"] for each in identifiers if each["type"] == "loyalty_id" and len(str(each["value"])) >= 6]
    if cards:
        right = str(cards[0])[-4:]
        wrong = [right[:-1] + letter for letter in "0123456789" if letter != right[-1]]
        made.append(_options("What are the last four characters of your loyalty card?", right, wrong))
    return made if len(made) >= _LEAST_QUESTIONS else []


def _is_under_way(row: VerificationRow, user_name: str, now: datetime) -> bool:
    """Whether another agent than this waits for the first answer."""
    return row.state == ASKED and row.user_name != user_name and not row.attempts and as_time(row.ends_at) > now


def _options(asks: str, right: str, wrong: Sequence[str]) -> tuple[Question, int]:
    others = [each for each in dict.fromkeys(wrong) if each != right]
    chosen = secrets.SystemRandom().sample(others, min(_OPTIONS - 1, len(others)))
    place = secrets.randbelow(len(chosen) + 1)
    return Question(asks, (*chosen[:place], right, *chosen[place:])), place


def _amounts(asks: str, cents: int, currency: str | None) -> tuple[Question, int]:
    """A ladder of amounts, of which the right one is any rung: nothing between them says which.

    Neighbours differ by a factor drawn anew for each, whichever is right, and all end in the same digits.
    """
    dice = secrets.SystemRandom()
    place = dice.randrange(_OPTIONS)
    ladder = {place: float(cents)}
    for rung in range(place - 1, -1, -1):
        ladder[rung] = ladder[rung + 1] / dice.uniform(*_RUNGS)
    for rung in range(place + 1, _OPTIONS):
        ladder[rung] = ladder[rung - 1] * dice.uniform(*_RUNGS)
    # small amounts end alike in their last digit, others in both cents; a rung is always wider than that
    grain = 10 if cents < _WHOLE_FROM else 100
    shown = [int(ladder[rung] - cents % grain) // grain * grain + cents % grain for rung in range(_OPTIONS)]
    shown[place] = cents
    said = [f"{currency or ''} {each / 100:,.2f}".strip() for each in shown]
    order = dice.sample(range(_OPTIONS), _OPTIONS)
    return Question(asks, tuple(said[rung] for rung in order)), order.index(place)


def _months_near(at: datetime) -> list[str]:
    first = at.replace(day=15)
    return [f"{first + timedelta(days=30.44 * away):%B %Y}" for away in (-5, -3, -2, -1, 1, 2, 3)]


class Verifier:
    """Asks and judges, with what is right kept as an HMAC under the server's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def ask_code(self, tx: Transaction, customer_id: str, user_name: str) -> tuple[VerificationRow, str]:
        """A code for the customer, to be sent to what is known of them. Raises Refused after too many failures."""
        code = f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}d}"
        return self._ask(tx, (customer_id, user_name, CODE), code), code

    def ask_dealings(self, tx: Transaction, customer_id: str, user_name: str, places: Sequence[int]) -> VerificationRow:
        """Questions whose right options stand at ``places``. Raises Refused after too many failures."""
        return self._ask(tx, (customer_id, user_name, DEALINGS), ",".join(map(str, places)))

    def judge(self, tx: Transaction, verification_id: str, user_name: str, answer: str) -> VerificationRow:
        """The verification after an answer: passed, failed, or still asked where a code may be tried again.

        Raises Refused when it is another agent's, is settled, or has run out.
        """
        row = find_verification(tx.session, verification_id)
        if row is None or row.user_name != user_name or row.state != ASKED or as_time(row.ends_at) <= tx.now:
            raise Refused("conflict", "this is settled or has run out: ask the caller anew")
        attempts = row.attempts + 1
        right = hmac.compare_digest(self._sealed(row.verification_id, answer), row.expected)
        out = row.method == DEALINGS or attempts >= _MOST_ATTEMPTS
        state = PASSED if right else FAILED if out else ASKED
        ends_at = as_text(tx.now + STANDS) if right else row.ends_at
        settled = replace(row, attempts=attempts, state=state, ends_at=ends_at)
        settle_verification(tx.session, settled)
        return settled

    def accept(self, tx: Transaction, customer_id: str, user_name: str) -> VerificationRow:
        """Who may see without a caller's proof has said why."""
        row = VerificationRow(
            f"ver_{secrets.token_hex(10)}",
            customer_id,
            user_name,
            REASON,
            as_text(tx.now),
            "",
            0,
            PASSED,
            as_text(tx.now + STANDS),
        )
        add_verification(tx.session, row)
        return row

    def _ask(self, tx: Transaction, about: tuple[str, str, str], right: str) -> VerificationRow:
        customer_id, user_name, method = about
        recent = verifications_of(tx.session, customer_id, as_text(tx.now - _DAY))
        # one that was asked and left open counts too: nobody may look at the questions until they know the answers, nor
        # guess twice at each of many codes; only what another agent asks just now does not
        failed = [row for row in recent if row.state != PASSED and not _is_under_way(row, user_name, tx.now)]
        if len(failed) >= _MOST_FAILED:
            raise Refused(
                "too-many-requests",
                "too many attempts for this customer today: a lead may look with a reason, or ask again tomorrow",
                retry_after=3600,
            )
        verification_id = f"ver_{secrets.token_hex(10)}"
        row = VerificationRow(
            verification_id,
            customer_id,
            user_name,
            method,
            as_text(tx.now),
            self._sealed(verification_id, right),
            0,
            ASKED,
            as_text(tx.now + _ANSWER_WITHIN),
        )
        add_verification(tx.session, row)
        return row

    def _sealed(self, verification_id: str, answer: str) -> str:
        return hmac.digest(
            self._secret, f"{verification_id}:{answer}".encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hex()
