"""Which run carries out which verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.flows.engine.asks import AskRun
from gateway.flows.engine.handing import TransferRun, VoicemailRun
from gateway.flows.engine.menus import ConfirmRun, MenuRun
from gateway.flows.engine.paying import PayRun
from gateway.flows.engine.plain import (
    ClearRun,
    DecideRun,
    HangupRun,
    HoursRun,
    LanguageRun,
    ReturnRun,
    RunRun,
    SayRun,
    SetRun,
)
from gateway.flows.engine.stage import AnyRun, Core
from gateway.flows.engine.talks import TalkRun
from gateway.flows.engine.tooling import CallRun
from gateway.flows.steps import (
    AnyStep,
    Ask,
    Call,
    Clear,
    Confirm,
    Decide,
    Hangup,
    Hours,
    Language,
    Menu,
    Pay,
    Return,
    Run,
    Say,
    Set,
    Talk,
    Transfer,
    Voicemail,
)

_RUNS: Final[Mapping[type[Any], Callable[[Core, Any], AnyRun]]] = {
    Say: SayRun,
    Menu: MenuRun,
    Ask: AskRun,
    Confirm: ConfirmRun,
    Talk: TalkRun,
    Call: CallRun,
    Decide: DecideRun,
    Hours: HoursRun,
    Set: SetRun,
    Clear: ClearRun,
    Transfer: TransferRun,
    Voicemail: VoicemailRun,
    Pay: PayRun,
    Run: RunRun,
    Language: LanguageRun,
    Hangup: HangupRun,
    Return: ReturnRun,
}


def run_of(core: Core, step: AnyStep) -> AnyRun:
    """Return a new stay on a step. A step that could not be read never gets here: its flow does not run."""
    return _RUNS[type(step)](core, step)
