"""What plain phone numbers and identifiers become, as SQL for many: the Python rule's answer, or NULL to ask it."""

from __future__ import annotations

from profile_service.identity.phones import numbering_plan


def identifier_shortcut(text: str) -> str:
    """For identifiers of ASCII letters, digits and hyphens with a digit in them, not one character repeated."""
    kept = f"replace(lower({text}), '-', '')"
    return (
        f"CASE WHEN regexp_full_match({text}, '[A-Za-z0-9-]*[0-9][A-Za-z0-9-]*') AND length({kept}) >= 4 "
        f"AND ltrim({kept}, left({kept}, 1)) <> '' THEN {kept} END"
    )


def phone_shortcut(text: str, country: str) -> str:
    """For numbers of digits and separators dialled inside ``country`` (ISO 3166), or with its own calling code."""
    plan = numbering_plan(country)
    if plan is None or plan.calling_code == "44":
        return "NULL"
    digits = f"translate({text}, ' ().-+', '')"
    significant = f"ltrim({digits}, '0')"
    national = digits
    if plan.national_prefix:
        after = len(plan.national_prefix) + 1
        dialled = f"starts_with({digits}, '{plan.national_prefix}')"
        national = f"CASE WHEN {dialled} THEN substr({digits}, {after}) ELSE {digits} END"
    lengths = ", ".join(str(length) for length in sorted(plan.lengths))
    plain = (
        f"regexp_full_match({digits}, '[0-9]+') AND length({significant}) >= 7 "
        f"AND replace(right({significant}, 7), right({significant}, 1), '') <> ''"
    )
    return (
        f"CASE WHEN NOT ({plain}) THEN NULL "
        f"WHEN NOT contains({text}, '+') AND NOT starts_with({digits}, '00') "
        f"AND length({national}) IN ({lengths}) THEN '+{plan.calling_code}' || ({national}) "
        f"WHEN starts_with({text}, '+{plan.calling_code}') AND NOT contains(substr({text}, 2), '+') "
        f"THEN '+' || {digits} END"
    )
