"""Slots, variables, tools and calendars out of nodes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from gateway.flows.calendar import WEEKDAYS, Calendar, Period
from gateway.flows.compile import nodes
from gateway.flows.compile.merge import as_map
from gateway.flows.compile.texts import match_language, read_prompt
from gateway.flows.document import MapNode, Node, TextNode
from gateway.flows.expressions.kinds import ANY, Kind, KindName
from gateway.flows.expressions.syntax import nearest
from gateway.flows.issues import Findings
from gateway.flows.model import Bound, Option, Privacy, Slot, SlotKind, SlotType, Tool, ToolField, Variable
from gateway.flows.prompts import Prompt
from gateway.flows.steps import Value

SLOT_KINDS: Mapping[SlotKind, Kind] = {
    SlotKind.DIGITS: Kind(KindName.DIGITS),
    SlotKind.NUMBER: Kind(KindName.NUMBER),
    SlotKind.AMOUNT: Kind(KindName.AMOUNT),
    SlotKind.DATE: Kind(KindName.DATE),
    SlotKind.TIME: Kind(KindName.TIME),
    SlotKind.DATETIME: Kind(KindName.DATETIME),
    SlotKind.DURATION: Kind(KindName.DURATION),
    SlotKind.CARD_NUMBER: Kind(KindName.CARD),
    SlotKind.YES_NO: Kind(KindName.BOOLEAN),
    SlotKind.OBJECT: Kind(KindName.OBJECT),
    SlotKind.ACCOUNT: Kind(KindName.DIGITS),
}
"""What kind of value each type of slot holds; types not listed hold text."""


def slot_kind(slot: Slot) -> Kind:
    """Return the kind of a slot's value: secret slots hold secrets, whatever their type."""
    if slot.privacy is Privacy.SECRET:
        return Kind(KindName.SECRET)
    if slot.privacy is Privacy.CARD:
        return Kind(KindName.CARD)
    return SLOT_KINDS.get(slot.type.kind, Kind(KindName.TEXT))


def read_kind(text: str | None) -> Kind:
    """Return the kind that a contract names: ``text``, ``amount EUR``, ``optional date``; any if it names none."""
    name, _, currency = (text or "any").removeprefix("optional ").partition(" ")
    try:
        return Kind(KindName(name), currency=currency)
    except ValueError:
        return ANY


def read_value(node: Node | None, kind: Kind | None = None) -> Value | None:
    """Return what an argument or a variable is given; a constant takes the kind that is wanted."""
    read = nodes.template(node)
    if read is None:
        return None
    if not read.is_constant:
        return Value(read)
    name = kind.name if kind else KindName.ANY
    lower = read.source.strip().lower()
    if name in (KindName.BOOLEAN, KindName.ANY) and lower in ("true", "false"):
        return Value(read, lower == "true")
    if name is KindName.BOOLEAN and lower in ("yes", "no", "on", "off"):
        return Value(read, lower in ("yes", "on"))
    if name in (KindName.NUMBER, KindName.AMOUNT) and re.fullmatch(r"-?\d+(\.\d+)?", lower):
        return Value(read, Decimal(lower))
    return Value(read)


def read_slot(name: str, node: MapNode, languages: tuple[str, ...]) -> Slot | None:
    """Return a slot; None if its type can't be read."""
    try:
        kind = SlotKind(nodes.text(node, "type") or "")
    except ValueError:
        return None
    length = nodes.count(node, "length")
    decimals = nodes.count(node, "decimals")
    between = node.get("between")
    ends = nodes.texts(between)
    default_privacy = "card" if kind in (SlotKind.CARD_NUMBER, SlotKind.EXPIRY) else "public"
    privacy = Privacy(nodes.word(node, "privacy", tuple(Privacy), default_privacy))
    secretive = privacy in (Privacy.SECRET, Privacy.CARD)
    return Slot(
        name=name,
        origin=node.origin,
        type=SlotType(
            kind=kind,
            min_length=length or nodes.count(node, "min_length"),
            max_length=length or nodes.count(node, "max_length"),
            currency=nodes.text(node, "currency") or "EUR",
            decimals=decimals if decimals is not None else 2,
            region=nodes.text(node, "region") or nodes.text(node, "country") or "",
            options=_options(node.get("of"), languages),
            of_tool=nodes.text(node, "of_tool"),
            max_words=nodes.count(node, "max_words"),
            pattern=nodes.text(node, "pattern"),
            checks=nodes.words_of(node.get("checks")),
        ),
        low=_bound(ends[0]) if ends else None,
        high=_bound(ends[1]) if len(ends) > 1 else None,
        check_tool=nodes.text(node, "check"),
        input="keys_only"
        if secretive and "input" not in node
        else nodes.word(node, "input", ("any", "keys_only", "voice_only"), "any"),  # type: ignore[arg-type]
        confirm=nodes.word(node, "confirm", ("always", "if_unsure", "never"), "never" if secretive else "if_unsure"),  # type: ignore[arg-type]
        spell_back=nodes.flag(node, "spell_back", kind in (SlotKind.EMAIL,)),
        suggest=nodes.template(node.get("suggest")),
        hints=nodes.words_of(node.get("hints")),
        privacy=privacy,
        optional=nodes.flag(node, "optional"),
        keep=nodes.word(node, "keep", ("call", "step"), "call"),  # type: ignore[arg-type]
        ask=read_prompt(node.get("prompt"), languages),
        invalid=read_invalid(node.get("invalid"), languages),
    )


def read_invalid(node: Node | None, languages: tuple[str, ...]) -> dict[str, Prompt]:
    """Return what is said of refused values by reason; a text without a reason is for any."""
    if isinstance(node, MapNode) and not any(match_language(tag, list(node.entries)) for tag in languages):
        found = {reason: read_prompt(entry.value, languages) for reason, entry in node}
    else:
        found = {"any": read_prompt(node, languages)}
    return {reason: prompt for reason, prompt in found.items() if prompt}


def read_variable(name: str, node: MapNode, kind: Kind) -> Variable:
    """Return a variable of the flow's own."""
    writers = [
        f"{what}:{source}" for what in ("tool", "flow") if (source := nodes.text(node, f"from_{what}")) is not None
    ]
    return Variable(
        name=name, kind=kind, start=read_value(node.get("start"), kind), origin=node.origin, writers=tuple(writers)
    )


def read_tool(name: str, node: MapNode, findings: Findings) -> Tool:
    """Return a tool's contract."""
    method, _, url = (nodes.text(node, "http") or "POST ").partition(" ")
    auth = nodes.text(node, "auth")
    scheme, _, rest = (auth or "").partition(" ")
    credentials = TextNode(f"Bearer {rest}" if scheme == "bearer" and rest else auth or "", node.origin)
    outcomes: dict[str, frozenset[int]] = {"ok": frozenset(range(200, 300))}
    empty = None
    for outcome, entry in as_map(node.get("outcomes")):
        statuses = nodes.words_of(entry.value)
        if statuses == ("empty",):
            empty = outcome
            outcomes[outcome] = frozenset()
        else:
            outcomes[outcome] = frozenset(code for status in statuses for code in _statuses(status))
    if "http" not in node and "python" not in node:
        findings.error("F002", node.origin, f"tool '{name}': no 'http' and no 'python'", "say how it is called")
    return Tool(
        name=name,
        origin=node.origin,
        method=method,
        url=nodes.template(TextNode(url.strip(), node.origin)) if url.strip() else None,
        python=nodes.text(node, "python"),
        headers={
            key: value
            for key, entry in as_map(node.get("headers"))
            if (value := nodes.template(entry.value)) is not None
        },
        auth=nodes.template(credentials) if auth else None,
        sends={key: _tool_field(key, entry.value) for key, entry in as_map(node.get("send"))},
        outcomes=outcomes,
        empty_outcome=empty,
        result=_result(as_map(node.get("returns"))),
        result_at=nodes.text(node, "returns_at"),
        facts=nodes.words_of(node.get("facts")),
        description=nodes.text(node, "description") or name.replace("_", " "),
        idempotent=nodes.flag(node, "idempotent", method == "GET"),
        idempotency_key=nodes.template(node.get("idempotency_key")),
        changes_data=nodes.flag(node, "changes_data"),
        personal=nodes.flag(node, "personal"),
        identifies=nodes.flag(node, "identifies"),
        timeout_ms=nodes.span(node, "timeout") or 0,
    )


def read_calendar(name: str, node: MapNode, findings: Findings) -> Calendar:
    """Return opening hours; a zone, day or time that does not exist is a finding."""
    zone = nodes.text(node, "timezone") or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        hint = nearest(zone, available_timezones())
        place = node.get("timezone")
        findings.error("F002", place.origin if place else node.origin, f"there is no time zone '{zone}'", hint)
        zone = "UTC"
    week: dict[int, tuple[Period, ...]] = {}
    for days, entry in as_map(node.get("open")):
        periods = _periods(entry.value, findings)
        for weekday in _weekdays(days, entry.key, findings):
            week[weekday] = periods
    closed = {day for item in nodes.texts(node.get("closed_on")) if (day := _day(item, findings))}
    special = {
        day: _periods(entry.value, findings)
        for _, entry in as_map(node.get("special"))
        if (day := _day(entry.key, findings))
    }
    return Calendar(name=name, zone=zone, week=week, closed_on=frozenset(closed), special=special, origin=node.origin)


def _options(node: Node | None, languages: tuple[str, ...]) -> tuple[Option, ...]:
    if isinstance(node, MapNode):
        return tuple(Option(name, _option_words(name, entry.value, languages)) for name, entry in node)
    return tuple(Option(name, _option_words(name, None, languages)) for name in nodes.words_of(node))


def _option_words(name: str, node: Node | None, languages: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    own = name.replace("_", " ")
    if isinstance(node, MapNode):
        written = {tag: nodes.words_of(entry.value) for tag, entry in node}
        return {
            tag: tuple(word.lower() for word in written.get(match_language(tag, list(written)) or "", (own,)))
            for tag in languages
        }
    return dict.fromkeys(languages, (own, *(word.lower() for word in nodes.words_of(node))))


def _bound(node: TextNode) -> Bound | None:
    read = nodes.expression(node)
    return Bound(read, node.origin) if read else None


def _tool_field(name: str, node: Node) -> ToolField:
    written = node.value if isinstance(node, TextNode) else "any"
    kind = read_kind(written)
    return ToolField(
        name=name, kind=kind, required=not written.startswith("optional "), secret=kind.name is KindName.SECRET
    )


def _result(node: MapNode) -> Kind:
    listed = node.get("list_of")
    if isinstance(listed, MapNode):
        return Kind(KindName.LIST, item=_object(listed))
    return _object(node) if node.entries else Kind(KindName.OBJECT, {})


def _object(node: MapNode) -> Kind:
    return Kind(KindName.OBJECT, {name: _field_kind(entry.value) for name, entry in node})


def _field_kind(node: Node) -> Kind:
    if isinstance(node, TextNode):
        return read_kind(node.value)
    inner = as_map(node)
    if isinstance(listed := inner.get("list_of"), MapNode):
        return Kind(KindName.LIST, item=_object(listed))
    if isinstance(fields := inner.get("fields"), MapNode):
        return _object(fields)
    return read_kind(nodes.text(inner, "type"))


def _statuses(text: str) -> range:
    if re.fullmatch(r"\dxx", text):
        return range(int(text[0]) * 100, int(text[0]) * 100 + 100)
    return range(int(text), int(text) + 1) if re.fullmatch(r"\d{3}", text) else range(0)


def _weekdays(text: str, key: TextNode, findings: Findings) -> list[int]:
    found: list[int] = []
    for piece in text.split(","):
        first, _, last = piece.strip().partition("-")
        bad = next((day for day in (first, last or first) if day not in WEEKDAYS), None)
        if bad is not None:
            hint = nearest(bad, WEEKDAYS) or f"known: {', '.join(WEEKDAYS)}"
            findings.error("F002", key.origin, f"'{bad}' is no day of the week", hint)
            continue
        start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        found += [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]
    return found


def _periods(node: Node, findings: Findings) -> tuple[Period, ...]:
    periods: list[Period] = []
    for item in nodes.texts(node):
        if item.value in ("closed", "none"):
            continue
        for piece in item.value.split(","):
            first, _, last = piece.strip().partition("-")
            start, end = _time(first), _time(last)
            if start is None or end is None:
                findings.error("F002", item.origin, f"'{piece.strip()}' are no hours", "write 09:00-17:30")
            elif start == end and start != dt.time():
                findings.error("F002", item.origin, f"'{piece.strip()}' begins and ends at once", "write 09:00-17:30")
            else:
                periods.append(Period(start, end))
    return tuple(periods)


def _time(text: str) -> dt.time | None:
    found = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*", text)
    if not found:
        return None
    hour, minute = int(found[1]), int(found[2])
    if (hour, minute) == (24, 0):
        return dt.time()
    return dt.time(hour, minute) if hour < 24 and minute < 60 else None


def _day(node: TextNode, findings: Findings) -> dt.date | None:
    try:
        return dt.date.fromisoformat(node.value)
    except ValueError:
        findings.error("F002", node.origin, f"'{node.value}' is no day", "write year-month-day, such as 2026-12-25")
        return None
