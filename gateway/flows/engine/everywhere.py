"""What works in every step: the flow's handlers, by key, by voice and by time, and the limits of the call."""

from __future__ import annotations

from typing import Final, Protocol

from gateway.flows.engine.alarms import Alarms
from gateway.flows.engine.phrases import phrases
from gateway.flows.engine.position import Position
from gateway.flows.engine.state import CallState
from gateway.flows.model import Flow, Handler
from gateway.flows.prompts import Prompt
from gateway.flows.steps import GoTo, InterruptPolicy, Target

GRACE_MS: Final = 120_000
"""What a call may still take after its limit, to be handed to somebody."""
LATER_MS: Final = 5_000
"""When to try again what has to wait, because something under way can't be let go."""


class House(Protocol):
    """What handlers need of the engine."""

    flow: Flow
    state: CallState

    @property
    def is_moving(self) -> bool:
        """Whether the step has been left."""
        ...

    def tell(self, name: str, **facts: str | int) -> None:
        """Tell the reports something."""
        ...

    def say(self, prompt: Prompt, *, attempt: int = 1, interrupt: InterruptPolicy | None = None) -> int | None:
        """Say a prompt."""
        ...

    def stop_saying(self) -> None:
        """Be silent at once."""
        ...

    def go(self, target: Target) -> None:
        """Leave the step for a target."""
        ...

    def fault(self, what: str) -> None:
        """Something in the flow can't be done."""
        ...

    def say_goodbye(self, text: str, reason: str) -> None:
        """Say a last word and end the call."""
        ...


class Everywhere:
    """The handlers and limits of one call.

    Args:
        house: the engine.
        position: where the call stands.
        alarms: take the limits.

    """

    def __init__(self, house: House, position: Position, alarms: Alarms) -> None:
        self._house = house
        self._position = position
        self._alarms = alarms
        self._turns = 0
        self._over_limit = False
        self._in_error = False

    def start(self, now_ms: float) -> None:
        """Begin to count the call's time."""
        flow = self._house.flow
        too_long = flow.handlers.get("too_long")
        if too_long is not None and too_long.after_ms is not None:
            self._alarms.set_for_call("too_long", now_ms + too_long.after_ms)
        if flow.limits.max_call_ms is not None:
            self._alarms.set_for_call("max_call", now_ms + flow.limits.max_call_ms)

    # --- handlers -------------------------------------------------------------------------------------------------

    def working(self) -> list[Handler]:
        """Return the handlers that work in the present step; none while something can't be let go."""
        run, path = self._position.run, self._position.path
        if run is not None and run.undisturbed:
            return []
        return [handler for handler in self._house.flow.handlers.values() if handler.works_in(path)]

    def of_key(self, key: str) -> Handler | None:
        """Return the handler that a key belongs to."""
        return next((handler for handler in self.working() if handler.key == key), None)

    def act(self, handler: Handler, now_ms: float, *, by: str) -> None:
        """Let a handler act: say again, run its subflow, or go where it leads."""
        house, run = self._house, self._position.run
        if run is None or house.is_moving:
            return
        house.tell("global_used", handler=handler.name, by=by)
        house.stop_saying()
        if handler.say is not None and house.say(handler.say) is None:
            return
        if handler.repeats:
            run.repeat(now_ms)
        elif handler.run is not None:
            self._position.digress(handler.run, dict(handler.arguments), restarts=handler.returns == "restart")
        else:
            target = self._target(handler)
            if target is None:
                house.fault(f"handler '{handler.name}' leads nowhere")
            else:
                house.go(target)

    def _target(self, handler: Handler) -> Target | None:
        if handler.target is not None:
            return handler.target
        agent_exit = self._house.flow.agent_exit
        return GoTo(agent_exit) if agent_exit is not None else None

    def after_fault(self) -> bool:
        """Let the ``error`` handler act, once a call; false if it can't: then the call has to end."""
        handler = self._house.flow.handlers.get("error")
        target = self._target(handler) if handler is not None else None
        if self._in_error or handler is None or target is None:
            return False
        self._in_error = True
        self._position.stay()
        if handler.say is None or self._house.say(handler.say) is not None:
            self._house.go(target)
        return True

    # --- limits ---------------------------------------------------------------------------------------------------

    def too_long(self, now_ms: float) -> None:
        """Let the flow's ``too_long`` handler act, now or when what is under way is done."""
        run, handler = self._position.run, self._house.flow.handlers["too_long"]
        if run is not None and (run.undisturbed or not handler.works_in(self._position.path)):
            self._alarms.set_for_call("too_long", now_ms + LATER_MS)
        else:
            self._over_limit = True
            self.act(handler, now_ms, by="time")

    def limit_reached(self, now_ms: float) -> None:
        """The call has lasted long enough: it is handed on, if the flow says how and has not done so, else it ends."""
        run, handler = self._position.run, self._house.flow.handlers.get("too_long")
        if run is not None and run.undisturbed:
            self._alarms.set_for_call("max_call", now_ms + LATER_MS)
        elif handler is not None and handler.works_in(self._position.path) and not self._over_limit:
            self._alarms.drop("too_long")
            self._alarms.set_for_call("max_call", now_ms + GRACE_MS)
            self.too_long(now_ms)
        else:
            self._house.say_goodbye(phrases(self._house.state.language).too_long, "max_call")

    def may_speak(self, now_ms: float) -> bool:
        """Count something that the caller said; false if that was one too many, and the call goes elsewhere."""
        self._turns += 1
        most = self._house.flow.limits.max_turns
        if most is None or self._turns <= most or self._over_limit:
            return True
        self.limit_reached(now_ms)
        return False
