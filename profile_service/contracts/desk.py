"""What an agent types of a customer, held to the same rules as a record that a channel sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from profile_service.contracts.fields import NO_NUL
from profile_service.contracts.requests_live import RecordSent
from profile_service.errors import Refused

CONTACT_FIELDS = (
    "given_name",
    "family_name",
    "birth_date",
    "email",
    "phone",
    "street",
    "city",
    "region",
    "postcode",
    "country",
)


def read_contact(form: Mapping[str, str], channel: str, source_record_id: str) -> dict[str, str]:
    """The contact data of a form, empty fields left out. Raises Refused that names each wrong field."""
    said = {name: form[name] for name in CONTACT_FIELDS if form.get(name)}
    try:
        RecordSent().load({"channel": channel, "source_record_id": source_record_id, **said})
    except ValidationError as error:
        wrong = "; ".join(f"{name.replace('_', ' ')} {', '.join(map(str, said))}" for name, said in _flat(error))
        raise Refused("invalid-request", wrong) from None
    return said


def _flat(error: ValidationError) -> list[tuple[str, list[Any]]]:
    messages = error.messages if isinstance(error.messages, dict) else {"the form": error.messages}
    return [(str(name), said if isinstance(said, list) else [said]) for name, said in messages.items()]


def _check_users(said: Any) -> None:
    names = said if isinstance(said, list) else [said]
    if not all(name is None or (isinstance(name, str) and len(name) <= 64 and "\0" not in name) for name in names):
        raise ValidationError("is neither a user's name of at most 64 characters nor a list of them")


class CallSent(Schema):
    """A telephone system's word on a call, in the manner of Zammad's generic CTI: a form or a JSON object."""

    event = fields.String(
        required=True,
        validate=validate.OneOf(("newCall", "answer", "hangup"), error="is none of {choices}"),
        metadata={"description": "`newCall` rings, `answer` is taken, `hangup` is over.", "example": "newCall"},
    )
    from_ = fields.String(
        required=True,
        data_key="from",
        validate=[validate.Length(min=1, max=64), NO_NUL],
        metadata={"description": "The number that calls.", "example": "+15056178879"},
    )
    to = fields.String(
        load_default="",
        validate=[validate.Length(max=64), NO_NUL],
        metadata={"description": "The number that is called."},
    )
    direction = fields.String(
        required=True,
        validate=validate.OneOf(("in", "out"), error="is none of {choices}"),
        metadata={"description": "`in`: a customer calls; `out`: an agent does, `to` is then the customer's number."},
    )
    callId = fields.String(  # noqa: N815 (the payload's own name)
        required=True,
        validate=[validate.Length(min=1, max=128), NO_NUL],
        metadata={"description": "The call, the same in all its events.", "example": "b7b1f5a4"},
    )
    user = fields.Raw(
        load_default=None,
        validate=_check_users,
        metadata={
            "description": "Whose telephone it is: a user's name at the console, or a list of them: it rings at "
            "all, and whoever takes it, named alone in `answer`, has it alone."
        },
    )
    queue = fields.String(
        load_default=None,
        allow_none=True,
        validate=[validate.Length(max=64), NO_NUL],
        metadata={"description": "Its queue."},
    )
    cause = fields.String(load_default=None, allow_none=True, metadata={"description": "Why it ended."})
    answeringNumber = fields.Raw(load_default=None, metadata={"description": "Who took it."})  # noqa: N815


class CallTaken(Schema):
    """What was made of it: no customer's data, only how many have that number."""

    call_id = fields.String(metadata={"description": "The call."})
    state = fields.String(metadata={"description": "ringing, answered or over."})
    customers = fields.Integer(metadata={"description": "How many customers have this number."})
