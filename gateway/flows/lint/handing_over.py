"""F4xx: whether calls are handed on, recorded and paid for as they should be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.flows.lint.rules import Found, error, warning
from gateway.flows.lint.subject import Subject, speaks
from gateway.flows.model import Flow
from gateway.flows.steps import AnyStep, GoTo, Hours, Pay, Say, Transfer

_TEL: Final = re.compile(r"tel:\+[1-9]\d{5,14}")
_SIP: Final = re.compile(r"sips?:[^\s@;]+@[A-Za-z0-9.-]+(?::\d{1,5})?(?:;[\w=;.-]+)?")
_QUEUE: Final = re.compile(r"queue:[\w$.{}|()'-]+")
_EMERGENCY: Final = re.compile(
    r"\b(?:nine nine nine|nine one one|one one two|uno uno dos|ciento doce|999|911|112)\b", re.IGNORECASE
)


def _transfers(subject: Subject) -> Iterator[Transfer]:
    return (step for step in subject.flow.steps.values() if isinstance(step, Transfer))


@error("F401", "a transfer that falls back on nothing but itself")
def falls_on_itself(subject: Subject) -> Iterator[Found]:
    """A transfer that falls back on itself."""
    for step in _transfers(subject):
        bad = [way for way in step.exits if way.name != "answered" and way.kind == "outcome"]
        if bad and all(way.target == GoTo(step.path) for way in bad):
            yield Found(step.origin, f"transfer '{step.name}' falls back on itself", "lead it to a message or a hangup")
        for way in bad:
            if way.target == GoTo(step.path) and not all(other.target == GoTo(step.path) for other in bad):
                yield Found(
                    way.origin, f"transfer '{step.name}': '{way.name}' leads back to it at once", "lead it elsewhere"
                )


@error("F402", "a target that is no tel:, sip: or queue:")
def bad_target(subject: Subject) -> Iterator[Found]:
    """A bad target."""
    for step in _transfers(subject):
        text = step.to.source
        origin = subject.place(step, "transfer", "to", step.origin)
        if not step.to.is_constant and step.scheme in ("tel", "sip", "sips", "queue"):
            continue
        good = {"tel": _TEL, "sip": _SIP, "sips": _SIP, "queue": _QUEUE}.get(step.scheme)
        if good is None:
            yield Found(origin, f"'{text}' is no target of a transfer", "write tel:+44…, sip:name@host or queue:name")
        elif not good.fullmatch(text):
            wanted = {"tel": "tel: and a number that begins with + and its country", "queue": "queue:name"}
            yield Found(origin, f"'{text}' can't be reached", f"write {wanted.get(step.scheme, 'sip:name@host')}")


@warning("F403", "a queue without 'max_wait'")
def waits_for_ever(subject: Subject) -> Iterator[Found]:
    """A queue without a limit."""
    for step in _transfers(subject):
        if step.scheme == "queue" and step.max_wait_ms is None:
            yield Found(step.origin, f"transfer '{step.name}': callers may wait for ever", "add 'max_wait'")


@warning("F404", "a warm transfer that tells the colleague nothing")
def warm_and_silent(subject: Subject) -> Iterator[Found]:
    """A warm transfer without words."""
    for step in _transfers(subject):
        if step.mode == "warm" and step.whisper is None and not step.summary_words:
            yield Found(
                step.origin,
                f"transfer '{step.name}' is warm and tells the colleague nothing",
                "add 'whisper' or 'summary'",
            )


@error("F405", "a staffed queue, no opening hours, and no 'closed'")
def never_closed(subject: Subject) -> Iterator[Found]:
    """A queue that may be closed."""
    if any(isinstance(step, Hours) for step in subject.flow.steps.values()):
        return
    for step in _transfers(subject):
        if step.scheme == "queue" and step.exit("closed") is None:
            message = f"transfer '{step.name}': nobody asks whether the queue is open, and 'closed' leads nowhere"
            yield Found(step.origin, message, "add 'closed:' under 'then', or an 'hours' step before it")


@error("F406", "a recording that begins before callers are told")
def recorded_untold(subject: Subject) -> Iterator[Found]:
    """A recording without its notice."""
    flow = subject.flow
    if flow.recording.mode != "on" or not flow.recording.notice:
        return
    notice = flow.recording.notice
    for first in _first_spoken(flow, notice):
        if notice == "first_prompt":
            if isinstance(first, Say) and first.interrupt.mode != "allowed":
                continue
            message = f"step '{first.name}' is what callers hear first, and does not surely tell them of the recording"
            yield Found(first.origin, message, "begin with a 'say' that can't be interrupted by voice")
        else:
            yield Found(
                first.origin,
                f"step '{first.name}' is heard before '{notice}' tells of the recording",
                f"begin with '{notice}'",
            )


@error("F407", "a payment while a recording that can't be paused")
def payment_recorded(subject: Subject) -> Iterator[Found]:
    """A payment on a recording."""
    if subject.options.recording_pauses or subject.flow.recording.mode != "on":
        return
    for step in subject.flow.steps.values():
        if isinstance(step, Pay):
            yield Found(
                step.origin,
                f"step '{step.name}' takes a payment, and this carrier can't pause the recording",
                "turn 'recording' off",
            )


@error("F408", "words of an emergency that can be interrupted")
def emergency_cut(subject: Subject) -> Iterator[Found]:
    """Words of an emergency that can be cut off."""
    handlers = {
        handler.target.step
        for handler in subject.flow.handlers.values()
        if handler.name.startswith("emergency") and isinstance(handler.target, GoTo)
    }
    for step in subject.flow.steps.values():
        if not isinstance(step, Say) or step.interrupt.mode == "blocked":
            continue
        urgent = step.path in handlers or (step.event or "").startswith("emergency")
        if urgent or any(_EMERGENCY.search(way.text.source) for _, way in step.prompt.all_wordings()):
            node = subject.node(step)
            origin = node.key_origin("interrupt") if "interrupt" in node else step.origin
            yield Found(origin, f"step '{step.name}' may be vital and can be interrupted", "add 'interrupt: blocked'")


def _first_spoken(flow: Flow, notice: str) -> list[AnyStep]:
    """Return the steps that can be the first that callers hear, looking no further than the notice."""
    found: dict[str, AnyStep] = {}
    seen: set[str] = set()
    open_ = [flow.start]
    while open_:
        path = open_.pop()
        if path in seen or path not in flow.steps or path == notice:
            continue
        seen.add(path)
        step = flow.steps[path]
        if speaks(step):
            found[path] = step
        else:
            open_ += [way.target.step for way in step.exits if isinstance(way.target, GoTo)]
    return list(found.values())
