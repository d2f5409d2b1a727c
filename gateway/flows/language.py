"""The whole language in one definition: every key, what it may hold and what it is for.

Read by the checks on loading, by the JSON Schema for editors and by the documentation. flows.md section 2 is the
design; ``ivr_flows/README.md`` tells designers.
"""

from __future__ import annotations

from typing import Final

from gateway.flows.shapes import (
    Condition,
    Count,
    Either,
    Entry,
    Filled,
    Flag,
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

FORMAT: Final = 1
"""The version of the language."""

VERBS: Final = (
    "say", "menu", "ask", "confirm", "talk", "call", "decide", "hours", "set", "clear", "transfer", "voicemail", "pay",
    "run", "language", "hangup", "return",
)  # fmt: skip

RESERVED: Final = frozenset({"end_call", "agent_exit", "return", "next", "else", "none", "failed", "repeat_step"})
"""Words that no step may be called."""

_ON_DUTY: Final = OneOf(("allowed", "keys_only", "blocked"))
_INTERRUPT: Final = Either(
    text=_ON_DUTY,
    map=Section(
        "interrupt",
        "Whether callers may cut in.",
        {
            "mode": Entry(_ON_DUTY, "Who may cut in: anybody, keys, nobody."),
            "after": Entry(Span(), "No cutting in during this first part."),
            "min_speech": Entry(Span(), "Shorter speech, such as a cough, does not cut in."),
        },
    ),
)
_EFFORT: Final = OneOf(("minimal", "low", "medium", "high", "xhigh"))
MODEL: Final = Section(
    "model",
    "How the model is set.",
    {
        "effort": Entry(_EFFORT, "How hard the model thinks."),
        "wait_for_caller": Entry(OneOf(("quick", "normal", "patient")), "How long a pause may be within an answer."),
        "max_words": Entry(Count(1, 1000), "The longest thing the model says at once."),
        "name": Entry(Line(), "Another model; on 'run' and 'language' steps only."),
    },
)
_END_KEY: Final = OneOf(("pound", "star", "#", "*", "none"))
RETRY_KEYS: Final = {
    "limit": Entry(Count(1, 10), "Unusable answers of all kinds before 'failed'."),
    "then_failed_after": Entry(Count(1, 10), "Unusable answers of one kind before 'failed'."),
    "no_input": Entry(Said(), "Said after silence; a list escalates."),
    "no_match": Entry(Said(), "Said when an answer fits nothing; a list escalates."),
    "invalid": Entry(Either(text=Said(), items=Said(), map=MapOf(Said())), "Said when a value is refused, by reason."),
    "offer_keypad_after": Entry(Count(1, 10), "From this unusable answer on the keypad is offered."),
    "silence": Entry(Span(), "Silence after the prompt that counts as no answer."),
    "digit_gap": Entry(Span(), "A pause between keys that ends an entry."),
    "end_key": Entry(_END_KEY, "The key that ends an entry."),
    "type_ahead": Entry(Flag(), "Keys pressed before the prompt count."),
}
COMMON_KEYS: Final = {
    "guard": Entry(
        Section(
            "guard",
            "Checked on entry, whichever way a caller comes.",
            {
                "need": Entry(Condition(), "What has to be true.", required=True),
                "else": Entry(Where(), "Where to go if it is not.", required=True),
            },
        ),
        "A condition on entry.",
    ),
    "event": Entry(Word("event"), "An event for the reports."),
    "set": Entry(MapOf(Filled()), "Variables and their new values."),
    "interrupt": Entry(_INTERRUPT, "Whether callers may cut in."),
    "model": Entry(MODEL, "How the model is set for this step."),
    "memory": Entry(OneOf(("keep", "facts", "fresh")), "What the model remembers when the step is left."),
    "note": Entry(Line(), "For people who read the file."),
}
WITH: Final = Entry(MapOf(Filled()), "Arguments and their values.")
_SAVE: Final = Entry(Word("variable"), "The variable that takes the result.")
_THEN: Final = Entry(MapOf(Where(), Word("outcome")), "Where each outcome leads.")
_NEXT: Final = Entry(Where(), "The step that follows.")

CHOICE: Final = Section(
    "choice",
    "One line of a menu.",
    {
        "press": Entry(Keypad(), "Its key, in quotes."),
        "means": Entry(Line(), "What callers mean by it; for the model."),
        "words": Entry(
            Either(items=ListOf(Line()), map=MapOf(ListOf(Line(), single=True), Word("language"))),
            "What callers say literally; understood without the model.",
        ),
        "fills": Entry(ListOf(Word("slot"), single=True), "Slots that the caller's sentence may fill."),
        "go": Entry(Where(), "Where it leads.", required=True),
    },
)
_MENU: Final = Section(
    "menu",
    "Offers choices.",
    {
        "prompt": Entry(Said(), "What is asked; a list escalates."),
        "choices": Entry(MapOf(CHOICE), "The choices by name."),
        "from": Entry(Filled(), "A list to choose from: ${variable}."),
        "each": Entry(Said(several=False), "How an entry of the list is read; ${item.…} is the entry."),
        "show": Entry(Count(1, 9), "How many entries are read at a time."),
        "press": Entry(OneOf(("position",)), "Keys 1, 2, 3 by order."),
        "save": Entry(Word("variable"), "The variable that takes the chosen entry."),
    },
)
TALK: Final = Section(
    "talk",
    "The model speaks freely, within a goal.",
    {
        "goal": Entry(Goal(), "What the model is to do.", required=True),
        "facts": Entry(ListOf(Line(), single=True), "Files, slots and variables that it may use."),
        "tools": Entry(ListOf(Word("tool"), single=True), "Tools that only read."),
        "never": Entry(ListOf(Line(), single=True), "What it must not do."),
        "max_turns": Entry(Count(1, 100), "Answers of the model before 'gave_up'."),
        "max_time": Entry(Span(), "Time before 'gave_up'."),
        "prompt": Entry(Said(several=False), "What is said first."),
    },
)
_TALK_EXIT: Final = Section(
    "exit",
    "A way out of a talk.",
    {
        "when": Entry(Line(), "When the model asks for it.", required=True),
        "needs": Entry(ListOf(Word("slot"), single=True), "Slots that have to be filled first."),
        "fills": Entry(ListOf(Word("slot"), single=True), "Slots that it fills on the way."),
        "go": Entry(Where(), "Where it leads.", required=True),
    },
)
TRANSFER: Final = Section(
    "transfer",
    "Hands the caller on.",
    {
        "to": Entry(Filled(), "tel:+44…, sip:name@host or queue:name.", required=True),
        "mode": Entry(OneOf(("cold", "warm")), "cold: blind; warm: the colleague hears first who is coming."),
        "say": Entry(Said(several=False), "Said to the caller first."),
        "whisper": Entry(Said(several=False), "Said to the colleague first."),
        "summary": Entry(
            Section(
                "summary",
                "A summary of the call for the colleague.",
                {
                    "max_words": Entry(Count(5, 200), "Its length."),
                    "leave_out": Entry(ListOf(Word("slot"), single=True), "Slots that stay out of it."),
                },
            ),
            "A summary for the colleague.",
        ),
        "hold": Entry(
            Section(
                "hold",
                "What a waiting caller hears.",
                {
                    "music": Entry(Line(), "A recording."),
                    "announce_every": Entry(Span(), "How often the caller is spoken to."),
                    "announce": Entry(Said(several=False), "What is said then."),
                },
            ),
            "What a waiting caller hears.",
        ),
        "ring_for": Entry(Span(), "How long it rings before 'no_answer'."),
        "max_wait": Entry(Span(), "How long a caller waits before 'timeout'."),
        "priority": Entry(OneOf(("low", "normal", "high")), "In the queue."),
        "headers": Entry(
            MapOf(Filled(), Line(r"X-[A-Za-z0-9-]+", "a header's name that begins with X-")), "SIP headers."
        ),
    },
)
VOICEMAIL: Final = Section(
    "voicemail",
    "Records a message.",
    {
        "prompt": Entry(Said(several=False), "What is said first.", required=True),
        "max_time": Entry(Span(), "The longest message."),
        "silence": Entry(Span(), "Silence that ends the message."),
        "end_key": Entry(_END_KEY, "The key that ends the message."),
        "privacy": Entry(OneOf(("public", "personal", "sensitive")), "How the recording is kept."),
        "send_to": Entry(Filled(), "A mail address, or queue:name."),
        "transcribe": Entry(Flag(), "Whether it is written down."),
        "as": Entry(Word("slot"), "A slot that takes the recording; the call goes on."),
    },
)
PAY: Final = Section(
    "pay",
    "Takes a payment by keys.",
    {
        "amount": Entry(Filled(), "How much.", required=True),
        "currency": Entry(Line(r"[A-Z]{3}", "a currency such as EUR"), "If the amount does not say."),
        "processor": Entry(Line(), "The payment's name in the gateway's settings.", required=True),
        "collect": Entry(
            ListOf(OneOf(("card_number", "expiry", "security_code", "postcode")), single=True), "What is keyed in."
        ),
        "prompts": Entry(Either(text=Line(), map=MapOf(Said())), "What is said; a map, or a file with one."),
        "attempts": Entry(Count(1, 5), "Tries for each entry."),
    },
)
_BRANCH: Final = Section(
    "branch",
    "One line of a decide.",
    {
        "if": Entry(Condition(), "A condition."),
        "go": Entry(Where(), "Where to go if it is true."),
        "else": Entry(Where(), "Where to go if nothing was true; the last line."),
    },
)

STEP_VERBS: Final[dict[str, Section]] = {
    "say": Section(
        "say",
        "Says something.",
        {
            "say": Entry(Said(), "What is said.", required=True),
            "listen_for": Entry(MapOf(Where(), Keypad()), "Keys that leave at once."),
            "next": _NEXT,
        },
    ),
    "menu": Section(
        "menu", "Offers choices.", {"menu": Entry(_MENU, "The menu.", required=True), "then": _THEN, **RETRY_KEYS}
    ),
    "ask": Section(
        "ask",
        "Asks for one thing or several.",
        {
            "ask": Entry(ListOf(Word("slot"), single=True), "The slots.", required=True),
            "prompt": Entry(Said(), "What is asked; a list escalates.", required=True),
            "style": Entry(OneOf(("one_by_one", "together")), "One question after the other, or one conversation."),
            "then": _THEN,
            **RETRY_KEYS,
        },
    ),
    "confirm": Section(
        "confirm",
        "Asks yes or no.",
        {"confirm": Entry(Said(), "What is asked.", required=True), "then": _THEN, **RETRY_KEYS},
    ),
    "talk": Section(
        "talk",
        "The model speaks freely, within a goal.",
        {
            "talk": Entry(TALK, "The goal and its bounds.", required=True),
            "exits": Entry(MapOf(_TALK_EXIT), "The ways out."),
            "then": _THEN,
            **{key: RETRY_KEYS[key] for key in ("limit", "no_input", "silence")},
        },
    ),
    "call": Section(
        "call",
        "Calls a tool.",
        {
            "call": Entry(Word("tool"), "The tool.", required=True),
            "with": WITH,
            "save": _SAVE,
            "timeout": Entry(Span(), "How long it may take."),
            "retry": Entry(Count(0, 5), "Further tries after a fault."),
            "filler": Entry(Said(), "Said while the caller waits."),
            "filler_after": Entry(Span(), "How long a wait may be silent."),
            "once": Entry(Flag(), "Never twice in a call."),
            "then": _THEN,
        },
    ),
    "decide": Section(
        "decide",
        "Goes where the first true line says.",
        {"decide": Entry(ListOf(_BRANCH), "The lines, in order.", required=True)},
    ),
    "hours": Section(
        "hours",
        "Asks a calendar.",
        {"hours": Entry(Word("calendar"), "The calendar.", required=True), "then": _THEN},
    ),
    "set": Section("set", "Sets variables.", {"set": COMMON_KEYS["set"], "next": _NEXT}),
    "clear": Section(
        "clear",
        "Forgets slots and variables.",
        {"clear": Entry(ListOf(Word("variable"), single=True), "What is forgotten.", required=True), "next": _NEXT},
    ),
    "transfer": Section(
        "transfer",
        "Hands the caller on.",
        {"transfer": Entry(TRANSFER, "Where and how.", required=True), "then": _THEN},
    ),
    "voicemail": Section(
        "voicemail",
        "Records a message.",
        {"voicemail": Entry(VOICEMAIL, "What is recorded.", required=True), "then": _THEN},
    ),
    "pay": Section(
        "pay",
        "Takes a payment by keys.",
        {"pay": Entry(PAY, "The payment.", required=True), "then": _THEN, "digit_gap": RETRY_KEYS["digit_gap"]},
    ),
    "run": Section(
        "run",
        "Runs a subflow.",
        {
            "run": Entry(Word("subflow", dotted=True), "The subflow, or file.subflow.", required=True),
            "with": WITH,
            "gives": Entry(MapOf(Word("variable")), "What it returns, and the variable here that takes it."),
            "then": _THEN,
        },
    ),
    "language": Section(
        "language",
        "Changes the language.",
        {"language": Entry(Filled(), "The language's tag.", required=True), "next": _NEXT},
    ),
    "hangup": Section("hangup", "Ends the call.", {"hangup": Entry(Said(), "The last word, or none.")}),
    "return": Section("return", "Leaves a subflow.", {"return": Entry(Word("outcome"), "The outcome.", required=True)}),
}


def step_keys(verb: str) -> dict[str, Entry]:
    """Return every key that a step with a verb may have."""
    return {**COMMON_KEYS, **STEP_VERBS[verb].keys}
