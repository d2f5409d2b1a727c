"""A call as it happens, line by line, for the person in front of the terminal."""

from __future__ import annotations

from gateway.cli.console import out
from gateway.contracts.record import (
    AgentSpoke,
    AnyRecord,
    BargeIn,
    CallerSpoke,
    DisclosureHeard,
    Fault,
    ToolCalled,
    Transferred,
)
from gateway.simulator.outcome import CallEvent

_CALLER_EVENTS = {
    "webhook": "the phone rings",
    "stream_opened": "answered",
    "interrupting": "the caller cuts in",
    "cleared": "the agent falls silent",
    "step_failed": "[red]the caller gave up waiting[/red]",
    "rest": "the gateway hangs up through the carrier's API",
    "ended": "the line is closed",
}


def tell(event: CallEvent) -> None:
    """Print a simulated caller's event, if people care about it."""
    if event.kind == "webhook" and event.facts.get("purpose") == "callback":
        return
    words = _CALLER_EVENTS.get(event.kind)
    if event.kind == "speech_started" and "text" in event.facts:
        words = f"[bold cyan]caller says[/bold cyan]  {_plain(str(event.facts['text']))}"
    if words is not None:
        line(event.at_ms, words)


def line(at_ms: float, words: str) -> None:
    """Print one line with the call's time, in seconds."""
    out.print(f"[dim]{at_ms / 1000:6.2f} s[/dim]  {words}", soft_wrap=True)


class Live:
    """A sink that prints what the gateway recorded, as it is recorded."""

    def accept(self, record: AnyRecord) -> None:
        """Print the record, if people care about it."""
        words = _told(record)
        if words is not None:
            line(record.at_ms, words)

    async def close(self) -> None:
        """Nothing is kept back."""


def _told(record: AnyRecord) -> str | None:
    match record:
        case CallerSpoke(text=text) if text:
            return f"[cyan]understood[/cyan]   “{_plain(str(text))}”"
        case AgentSpoke(text=text, interrupted=interrupted, latency_ms=latency_ms):
            after = f" [dim](after {latency_ms} ms)[/dim]" if latency_ms is not None else ""
            cut = " [yellow]—[/yellow]" if interrupted else ""
            return f"[bold green]agent says[/bold green]   {_plain(str(text))}{cut}{after}"
        case BargeIn(heard_ms=heard_ms, sent_ms=sent_ms, action=action):
            return f"[yellow]barge-in[/yellow]     heard {heard_ms} of {sent_ms} ms; the model's memory is {action}"
        case ToolCalled(name=name):
            return f"[magenta]tool[/magenta]         {name}"
        case Transferred(target=target, ok=ok):
            return f"[magenta]transfer[/magenta]     to {target}: {'done' if ok else 'refused'}"
        case DisclosureHeard(heard_ms=heard_ms, of_ms=of_ms):
            return f"[dim]disclosure   heard {heard_ms} of {of_ms} ms[/dim]"
        case Fault(kind=kind, message=message):
            return f"[red]fault[/red]        {kind}: {_plain(str(message))}"
        case _:
            return None


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
