"""An export as one page that a person can read, print and keep: no script, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import orjson

from profile_service.written import moment, money, percent

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #bbb}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;
border-bottom:1px solid #ddd;overflow-wrap:anywhere}th{color:#444}th[scope=row]{width:8rem}
caption{text-align:left;font-weight:600;padding:.6rem 0}
td ul{margin:0;padding-left:1.1rem}
@media screen and (max-width:40rem){table.rows thead{display:none}table.rows tr{display:block;padding:.4rem 0;
border-bottom:1px solid #bbb}table.rows td{display:flex;border:0;padding:.1rem 0}table.rows td::before{
content:attr(data-of);flex:0 0 7.5rem;font-weight:600;color:#444}}
.none{color:#666}@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}
"""
# Parts of the profile that have a section of their own, and what another part says in words.
_APART = (
    "fields", "identifiers", "consents", "records", "sureness", "weakest_link_bits", "channel_count", "segments",
    "traits",
)  # fmt: skip
# What is a moment, besides whatever is called so: ``…_at``.
_MOMENTS = frozenset(("at", "as_of", "first_seen", "last_seen", "customer_since", "last changed"))
# Names that say nothing to whom they are about.
_CALLED = {
    "amount_by_currency": "spent in all",
    "run_id": "last put together in run",
    "snapshot_id": "run",
    "as_of": "what was known on",
    "customer_since": "known to us since",
    "source_record_id": "record",
}


def export_page(export: Mapping[str, Any]) -> str:
    """The HTML of what ``export_customer`` answered; every value is escaped."""
    profile: Mapping[str, Any] = export["profile"]
    plain = {name: value for name, value in profile.items() if name not in _APART and value not in (None, [], {})}
    plain["address"] = [part for part in (profile.get("address") or {}).values() if part]
    if not plain["address"]:
        del plain["address"]
    sections = [
        _section("Your profile", "What all channels together know of you.", _facts(plain)),
        _section(
            "What we make of it",
            "Computed from what you did, and what for.",
            _table(["what", "value", "why"], list(map(_worth, export["worth"]))),
        ),
        _section(
            "How sure we are",
            "How likely it is that all these records are of one person.",
            _facts(_sureness(profile["sureness"])),
        ),
        _section(
            "Where each value came from",
            "The record that gave it, and what decided for it.",
            _table(
                ["what", "value", "channel", "record", "last changed", "decided by"],
                [
                    [
                        _words(name),
                        *(
                            _told(key, each.get(key))
                            for key in ("value", "channel", "source_record_id", "updated_at", "decided_by")
                        ),
                    ]
                    for name, each in sorted(profile["fields"].items())
                ],
            ),
        ),
        _section(
            "How you are recognised",
            "A shared identifier is one that another customer has too.",
            _rows(profile["identifiers"], ("type", "value", "channels", "first_seen", "last_seen", "shared")),
        ),
        _section(
            "What you consented to",
            "",
            _rows(profile["consents"], ("purpose", "channel", "consent", "stated_at", "source_record_id")),
        ),
        _section("Records", "As each channel sent them.", "".join(map(_record, export["records"]))),
        _section("Earlier versions of these records", "", "".join(map(_record, export["earlier_versions"]))),
        _section(
            "What you did",
            "Events of all channels, the newest first.",
            _rows(
                map(_event, export["events"]), ("occurred_at", "channel", "event_type", "amount", "event_id", "extra")
            ),
        ),
        _section(
            "Decisions by people",
            "Whether two records are one person.",
            _rows(export["decisions"], ("left", "right", "verdict", "decision_id")),
        ),
        _section("Former ids", "Ids that once stood for you.", _list(export["former_ids"])),
        _section("Who used this data", "", _rows(export["accesses"], ("at", "by", "action", "purpose"))),
    ]
    name = profile.get("full_name") or export["customer_id"]
    facts = {key: export[key] for key in ("customer_id", "exported_at", "as_of", "snapshot_id")}
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Everything we know about {_text(name)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Everything we know about {_text(name)}</h1>{_facts(facts)}{''.join(sections)}</body></html>\n"
    )


def _section(title: str, said: str, content: str) -> str:
    lead = f"<p>{escape(said)}</p>" if said else ""
    return f"<h2>{escape(title)}</h2>{lead}{content or '<p class=none>Nothing.</p>'}"


def _facts(facts: Mapping[str, Any], title: str = "") -> str:
    if not facts:
        return ""
    caption = f"<caption>{_text(title)}</caption>" if title else ""
    rows = "".join(
        f'<tr><th scope="row">{_text(_words(name))}</th><td>{_text(_told(name, value))}</td></tr>'
        for name, value in facts.items()
    )
    return f"<table>{caption}{rows}</table>"


def _record(record: Mapping[str, Any]) -> str:
    # as sent stands as sent, whatever it is called
    said = {_words(name): value for name, value in {**record["as_sent"], **record.get("further", {})}.items()}
    said["last changed"] = record["updated_at"]
    return _facts(said, f"{_words(record['channel'])}: {record['source_record_id']}")


def _rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    return _table(
        [_words(column) for column in columns], [[_told(column, row.get(column)) for column in columns] for row in rows]
    )


def _table(head: Iterable[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return ""
    names = [_text(name) for name in head]
    top = "".join(f'<th scope="col">{name}</th>' for name in names)
    # on a telephone each cell is told under the name of its column
    lines = (
        "".join(
            f'<td data-of="{name}"><span>{_text(value)}</span></td>' for name, value in zip(names, row, strict=True)
        )
        for row in rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table class="rows"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in items)}</ul>" if items else ""


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with its amount and currency as one."""
    amount = event.get("amount")
    return {**event, "amount": None if amount is None else money(amount, event.get("currency"))}


def _worth(each: Mapping[str, Any]) -> list[Any]:
    value, currency = each["value"], each["currency"]
    if currency:
        value = money(value, currency)
    elif isinstance(value, float):
        value = percent(value)
    elif isinstance(value, list):
        value = [_words(item) for item in value]
    elif isinstance(value, str):
        value = _words(moment(value))
    return [_words(each["name"]) if each["kind"] == "trait" else "group", value, each["why"]]


def _sureness(sureness: Mapping[str, Any]) -> dict[str, Any]:
    probability = sureness["probability"]
    told = {"in words": sureness["in_words"], "records": sureness["records"]}
    return told if probability is None else {**told, "probability": percent(probability)}


def _told(name: str, value: Any) -> Any:
    """A value under its name as people write it: moments to the minute, amounts with their currency."""
    if isinstance(value, str) and (name in _MOMENTS or name.endswith("_at")):
        return moment(value)
    if name == "amount_by_currency":
        return [money(amount, currency) for currency, amount in value.items()]
    if name in ("decided_by", "event_type") or name.endswith(("channel", "channels")):
        return _words(value) if isinstance(value, str) else [_words(each) for each in value or ()]
    return value


def _words(name: str) -> str:
    return _CALLED.get(name, name).replace("_", " ")


def _text(value: Any) -> str:
    """A value for people, escaped."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        told = [(str(name), each) for name, each in value.items() if each is not None]
        parts = [f"{_text(_words(name))}: {_text(_told(name, each))}" for name, each in told]
        return _parts(parts, any(_is_nested(each) for _, each in told))
    if isinstance(value, str | int | float):
        return escape(str(value))
    if isinstance(value, Iterable):
        items = list(value)
        return _parts(list(map(_text, items)), any(isinstance(each, Mapping | list) for each in items))
    return escape(orjson.dumps(value).decode())


def _is_nested(value: Any) -> bool:
    """Whether what it holds would run into what stands beside it."""
    return isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(e, Mapping | list) for e in value))


def _parts(parts: Sequence[str], nested: bool) -> str:
    """Texts of HTML, each a line of its own where any of them holds several."""
    if nested:
        return f"<ul>{''.join(f'<li>{part}</li>' for part in parts)}</ul>"
    return ", ".join(parts) or "—"
