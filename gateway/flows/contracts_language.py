"""What slots, variables, calendars and tools may say: the part of the language that is no step."""

from __future__ import annotations

from typing import Final

from gateway.flows.shapes import (
    Count,
    Either,
    Entry,
    Filled,
    Flag,
    Line,
    ListOf,
    MapOf,
    OneOf,
    Said,
    Section,
    Shape,
    Span,
    Word,
)

KINDS: Final = [
    "text",
    "number",
    "boolean",
    "digits",
    "date",
    "time",
    "datetime",
    "duration",
    "amount",
    "secret",
    "list",
    "object",
    "any",
]

_SLOT_TYPES: Final = [
    "digits",
    "number",
    "amount",
    "date",
    "time",
    "datetime",
    "duration",
    "phone",
    "postcode",
    "card_number",
    "expiry",
    "iban",
    "account",
    "email",
    "name",
    "choice",
    "yes_no",
    "text",
    "object",
]
_OPTION: Final = Either(items=ListOf(Line()), map=MapOf(ListOf(Line(), single=True), Word("language")))
SLOT: Final = Section(
    "slot",
    "Something to learn from the caller.",
    {
        "type": Entry(OneOf(tuple(_SLOT_TYPES)), "What it is.", required=True),
        "length": Entry(Count(1, 64), "Digits or characters, exactly."),
        "min_length": Entry(Count(1, 64), "Digits or characters, at least."),
        "max_length": Entry(Count(1, 64), "Digits or characters, at most."),
        "currency": Entry(Line(r"[A-Z]{3}", "a currency such as EUR"), "Of an amount."),
        "decimals": Entry(Count(0, 6), "Of a number or an amount."),
        "region": Entry(Line(r"[A-Z]{2}", "a country such as GB"), "Of phone numbers without a country code."),
        "country": Entry(Line(r"[A-Z]{2}", "a country such as GB"), "Of a postcode."),
        "of": Entry(
            Either(items=ListOf(Word()), map=MapOf(_OPTION)), "The options of a choice; a map gives further words."
        ),
        "of_tool": Entry(Word("tool"), "The tool that lists the options."),
        "max_words": Entry(Count(1, 500), "Of a text."),
        "pattern": Entry(Line(), "A regular expression that the value has to match."),
        "checks": Entry(ListOf(OneOf(("luhn", "mod97")), single=True), "Check digits."),
        "between": Entry(ListOf(Filled()), "The smallest and the largest value."),
        "check": Entry(Word("tool"), "A tool that says whether the value is good."),
        "input": Entry(OneOf(("any", "keys_only", "voice_only")), "How it may come."),
        "confirm": Entry(OneOf(("always", "if_unsure", "never")), "Whether it is read back for a yes."),
        "spell_back": Entry(Flag(), "Read back letter by letter."),
        "suggest": Entry(Filled(), "A likely value, offered first."),
        "hints": Entry(ListOf(Line(), single=True), "Words to expect."),
        "privacy": Entry(OneOf(("public", "personal", "sensitive", "secret", "card")), "How far the value may travel."),
        "optional": Entry(Flag(), "May stay empty."),
        "keep": Entry(OneOf(("call", "step")), "How long it is kept."),
        "prompt": Entry(Said(), "How it is asked for by itself."),
        "invalid": Entry(Either(text=Said(), items=Said(), map=MapOf(Said())), "Said when a value is refused."),
    },
)
KIND: Final = Line(
    rf"(optional )?({'|'.join(KINDS)})( [A-Z]{{3}})?", f"a kind ({', '.join(KINDS)}), perhaps after 'optional',"
)
VARIABLE: Final = Section(
    "variable",
    "A value of the flow's own.",
    {
        "type": Entry(KIND, "What it is."),
        "start": Entry(Filled(), "Its value at the start."),
        "from_tool": Entry(Word("tool"), "The tool whose result it takes."),
        "from_flow": Entry(Word("subflow", dotted=True), "The subflow that gives it."),
    },
)
_HOURS: Final = Either(
    text=Line(
        r"closed|none|\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2}(\s*,\s*\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2})*",
        "hours such as 09:00-17:30",
    ),
    items=ListOf(Line(r"\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2}", "hours such as 09:00-17:30")),
)
_ISO_DAY: Final = Line(r"\d{4}-\d{2}-\d{2}", "a day such as 2026-12-25")
CALENDAR: Final = Section(
    "calendar",
    "When something is open.",
    {
        "timezone": Entry(
            Line(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)*", "a time zone such as Europe/London"), "IANA name.", required=True
        ),
        "open": Entry(
            MapOf(_HOURS, Line(r"[a-z]{3}(-[a-z]{3})?(,\s*[a-z]{3}(-[a-z]{3})?)*", "days such as mon-fri")),
            "Days and hours.",
            required=True,
        ),
        "closed_on": Entry(ListOf(_ISO_DAY, single=True), "Holidays."),
        "special": Entry(MapOf(_HOURS, _ISO_DAY), "Days with hours of their own."),
    },
)
_FIELD: Final[Shape] = Either(text=KIND, map=MapOf(Either(text=KIND, map=MapOf(KIND))))
TOOL: Final = Section(
    "tool",
    "The contract of something outside that flows call.",
    {
        "http": Entry(Line(r"(GET|POST|PUT|PATCH|DELETE) \S+", "a method and an address"), "Method and address."),
        "python": Entry(Line(r"[\w.]+:[\w.]+", "package.module:callable"), "A Python callable instead."),
        "auth": Entry(Filled(), "The Authorization header: bearer ${secret.…}."),
        "headers": Entry(MapOf(Filled(), Line()), "Further headers."),
        "description": Entry(Line(), "For the model, in talk."),
        "send": Entry(MapOf(KIND), "Arguments and their kinds."),
        "outcomes": Entry(
            MapOf(
                Either(
                    text=Line(r"\d{3}|\dxx|empty", "a status such as 404, 4xx, or 'empty',"),
                    items=ListOf(Line(r"\d{3}|\dxx", "a status such as 404")),
                ),
                Word("outcome"),
            ),
            "Outcomes and the HTTP statuses that mean them; 'empty' is an empty list.",
        ),
        "returns": Entry(
            MapOf(_FIELD),
            "Fields of the result; 'list_of' with fields for a list.",
        ),
        "returns_at": Entry(Line(), "The key of the answer that holds the result."),
        "facts": Entry(ListOf(Line(), single=True), "Result fields that the model may be told."),
        "idempotent": Entry(Flag(), "May be repeated without harm."),
        "idempotency_key": Entry(Filled(), "Makes a repetition harmless."),
        "changes_data": Entry(Flag(), "Does something that can't be taken back by asking again."),
        "personal": Entry(Flag(), "Its result is about somebody who has to be identified."),
        "identifies": Entry(Flag(), "Its 'ok' tells who the caller is."),
        "timeout": Entry(Span(), "How long it may take."),
    },
)
