"""What the files of a flows folder may say, from their first keys on: headers, handlers, defaults, subflows.

The steps are in ``language.py``, slots and tools in ``contracts_language.py``.
"""

from __future__ import annotations

from typing import Final

from gateway.flows.contracts_language import CALENDAR, KIND, SLOT, TOOL, VARIABLE
from gateway.flows.language import (
    CHOICE,
    COMMON_KEYS,
    MODEL,
    PAY,
    RETRY_KEYS,
    STEP_VERBS,
    TALK,
    TRANSFER,
    VOICEMAIL,
    WITH,
)
from gateway.flows.shapes import (
    AnyStep,
    Count,
    Either,
    Entry,
    Goal,
    Keypad,
    Line,
    ListOf,
    MapOf,
    OneOf,
    Said,
    Section,
    Span,
    Where,
    Word,
)

_ACTION: Final = Section(
    "action",
    "Something done without audio.",
    {
        "event": Entry(Word("event"), "An event for the reports."),
        "call": Entry(Word("tool"), "A tool."),
        "with": WITH,
        "set": COMMON_KEYS["set"],
    },
)
HANDLER: Final = Section(
    "handler",
    "Something that works in every step.",
    {
        "press": Entry(Keypad(), "Its key, in quotes."),
        "means": Entry(Line(), "What callers mean by it; for the model."),
        "words": CHOICE.keys["words"],
        "go": Entry(Where(), "Where it leads."),
        "run": Entry(Word("subflow", dotted=True), "A subflow to run, after which the step goes on."),
        "with": WITH,
        "do": Entry(Either(text=OneOf(("repeat_step",)), items=ListOf(_ACTION)), "repeat_step, or a list of actions."),
        "say": Entry(Said(), "Said first."),
        "after": Entry(Span(), "Of silence and too_long: how long."),
        "returns": Entry(OneOf(("resume", "restart")), "After 'run': go on with the step, or begin it again."),
        "not_from": Entry(ListOf(Word("step", dotted=True), single=True), "Steps where it does not work."),
        "only_from": Entry(ListOf(Word("step", dotted=True), single=True), "The only steps where it works."),
    },
)
_DEFAULT_KEYS: Final = {**RETRY_KEYS, "interrupt": COMMON_KEYS["interrupt"]}
DEFAULTS: Final = Section(
    "defaults",
    "What holds where a step says nothing.",
    {
        "say": Entry(Section("say", "For say.", {"interrupt": COMMON_KEYS["interrupt"]}), "For say."),
        "menu": Entry(Section("menu", "For menu.", _DEFAULT_KEYS), "For menu."),
        "ask": Entry(
            Section("ask", "For ask.", {**_DEFAULT_KEYS, "style": STEP_VERBS["ask"].keys["style"]}), "For ask."
        ),
        "confirm": Entry(Section("confirm", "For confirm.", _DEFAULT_KEYS), "For confirm."),
        "talk": Entry(
            Section(
                "talk",
                "For talk.",
                {**_DEFAULT_KEYS, **{key: TALK.keys[key] for key in ("max_turns", "max_time", "never")}},
            ),
            "For talk.",
        ),
        "call": Entry(
            Section(
                "call",
                "For call.",
                {key: STEP_VERBS["call"].keys[key] for key in ("timeout", "retry", "filler", "filler_after")},
            ),
            "For call.",
        ),
        "transfer": Entry(
            Section("transfer", "For transfer.", {key: TRANSFER.keys[key] for key in ("ring_for", "max_wait", "hold")}),
            "For transfer.",
        ),
        "voicemail": Entry(
            Section(
                "voicemail", "For voicemail.", {key: VOICEMAIL.keys[key] for key in ("max_time", "silence", "end_key")}
            ),
            "For voicemail.",
        ),
        "pay": Entry(Section("pay", "For pay.", {key: PAY.keys[key] for key in ("attempts", "prompts")}), "For pay."),
        "no_input": RETRY_KEYS["no_input"],
        "no_match": RETRY_KEYS["no_match"],
        "invalid": RETRY_KEYS["invalid"],
        "speech": Entry(
            Section(
                "speech",
                "How callers are listened to.",
                {
                    "wait_for_caller": MODEL.keys["wait_for_caller"],
                    "digit_gap": RETRY_KEYS["digit_gap"],
                    "end_key": RETRY_KEYS["end_key"],
                    "type_ahead": RETRY_KEYS["type_ahead"],
                    "silence": RETRY_KEYS["silence"],
                },
            ),
            "How callers are listened to.",
        ),
    },
)
SUBFLOW: Final = Section(
    "subflow",
    "A part with a contract of its own.",
    {
        "title": Entry(Line(), "What it is for."),
        "takes": Entry(MapOf(KIND), "What it is given."),
        "returns": Entry(MapOf(KIND), "What it gives back."),
        "outcomes": Entry(ListOf(Word("outcome")), "How it can end.", required=True),
        "variables": Entry(MapOf(VARIABLE), "Values of its own."),
        "start": Entry(Word("step"), "Its first step.", required=True),
        "steps": Entry(MapOf(AnyStep()), "Its steps.", required=True),
    },
)

_SHARED_KEYS: Final = {
    "format": Entry(OneOf(("1",)), "The version of the language.", required=True),
    "title": Entry(Line(), "For people."),
    "calendars": Entry(MapOf(CALENDAR), "Opening hours by name."),
    "slots": Entry(MapOf(SLOT), "What may be learned from callers."),
    "variables": Entry(MapOf(VARIABLE), "Values of the flow's own."),
    "always": Entry(MapOf(HANDLER), "What works in every step."),
    "defaults": Entry(DEFAULTS, "What holds where a step says nothing."),
    "subflows": Entry(MapOf(SUBFLOW), "Parts with contracts of their own."),
}
FLOW: Final = Section(
    "flow",
    "A phone service.",
    {
        "flow": Entry(Word(), "Its name, which stays the same for ever.", required=True),
        **_SHARED_KEYS,
        "version": Entry(Line(), "Counts up with each change."),
        "owner": Entry(Line(), "Whom to ask."),
        "languages": Entry(ListOf(Word("language")), "The first is the default.", required=True),
        "voice": Entry(Either(text=Line(), map=MapOf(Line(), Word("language"))), "One voice, or one per language."),
        "persona": Entry(Goal(), "Who the model is."),
        "numbers": Entry(
            ListOf(
                Either(
                    text=Line(r"\+[1-9]\d{5,14}", "a number such as +442079460101"),
                    map=Section(
                        "pattern",
                        "",
                        {
                            "pattern": Entry(
                                Line(r"\+[1-9]\d{0,14}\*", "a pattern such as +44207946*"), "", required=True
                            )
                        },
                    ),
                )
            ),
            "The numbers that it answers.",
        ),
        "use": Entry(ListOf(Line(), single=True), "Shared files."),
        "start": Entry(Word("step"), "The first step.", required=True),
        "agent_exit": Entry(Word("step"), "The step behind 'a person, please'."),
        "limits": Entry(
            Section(
                "limits",
                "Bounds of a call.",
                {
                    "max_call": Entry(Span(), "The longest call."),
                    "max_turns": Entry(Count(1), "Answers of the model."),
                    "max_cost": Entry(
                        Line(r"\d+(\.\d+)? [A-Z]{3}", "an amount such as 2.50 EUR"), "What a call may cost."
                    ),
                    "visits_per_step": Entry(Count(1, 1000), "How often a step may be entered."),
                },
            ),
            "Bounds of a call.",
        ),
        "recording": Entry(
            Section(
                "recording",
                "Whether calls are recorded.",
                {
                    "mode": Entry(OneOf(("on", "off")), "Whether."),
                    "notice": Entry(Word(), "first_prompt, or the step that says so."),
                },
            ),
            "Whether calls are recorded.",
        ),
        "model": Entry(MODEL, "How the model is set."),
        "steps": Entry(MapOf(AnyStep()), "The steps by name.", required=True),
    },
)
SHARED: Final = Section(
    "shared",
    "What several flows use.",
    {"kind": Entry(OneOf(("shared",)), "", required=True), **_SHARED_KEYS},
)
TOOLS: Final = Section(
    "tools",
    "Contracts of tools.",
    {
        "kind": Entry(OneOf(("tools",)), "", required=True),
        "format": _SHARED_KEYS["format"],
        "title": _SHARED_KEYS["title"],
        "tools": Entry(MapOf(TOOL), "The tools by name.", required=True),
    },
)
PROMPTS: Final = Section(
    "prompts",
    "Texts of payments.",
    {
        "kind": Entry(OneOf(("prompts",)), "", required=True),
        "format": _SHARED_KEYS["format"],
        "title": _SHARED_KEYS["title"],
        "prompts": Entry(MapOf(Said()), "The texts by name.", required=True),
    },
)
FILE_KINDS: Final = {"flow": FLOW, "shared": SHARED, "tools": TOOLS, "prompts": PROMPTS}
