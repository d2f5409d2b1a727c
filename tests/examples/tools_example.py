"""Tools of an owner's own: who is calling, and two specialists who work while the call goes on.

``tools_example.yaml`` beside this file names them. Copy both, and put your own database and agents in.

    gateway serve --config tests/examples/tools_example.yaml
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from gateway.contracts.tool import CallFacts
from gateway.errors import ToolError

CUSTOMERS: Final = {
    "+15550001001": {"name": "Ann Field", "orders": ["lamp", "rug"], "since": 2019},
    "+15550001002": {"name": "Ben Marsh", "orders": [], "since": 2024},
}
WORK_S: Final = 1.5
"""How long the specialist for bills thinks."""


class CustomerBook:
    """What the owner knows by the caller's number.

    One object for the whole process: ``start`` opens what it needs once, ``stop`` closes it after the last call.

    Args:
        delay_s: how long a look into the book takes.

    """

    def __init__(self, delay_s: float = 0.05) -> None:
        self._delay_s = delay_s
        self._customers: dict[str, dict[str, Any]] = {}

    async def start(self) -> None:
        """Open the book: connect to your database here."""
        self._customers = CUSTOMERS

    async def stop(self) -> None:
        """Close it."""
        self._customers = {}

    async def by_number(self, caller_number: str) -> dict[str, Any]:
        """Say who is calling, and what they have ordered."""
        await asyncio.sleep(self._delay_s)
        customer = self._customers.get(caller_number)
        if customer is None:
            raise ToolError("nobody with this number is known", kind="not_found")
        return customer


async def billing(task: str, call: CallFacts) -> dict[str, Any]:
    """Answer a question about bills and payments.

    An agent of your own goes here: it may take its time and call other models, for the call goes on meanwhile. The
    caller's number comes from the carrier, not from what the model was told.
    """
    await asyncio.sleep(WORK_S)
    customer = CUSTOMERS.get(call.caller_number, {"name": "an unknown caller"})
    return {"task": task, "answer": f"{customer['name']} owes 42 pounds, due on the first of the month."}


def repairs(task: str) -> str:
    """Answer a question about broken things.

    An ordinary function: it runs in a thread of its own, so it may block.
    """
    time.sleep(0.2)
    return f"A technician can come on Tuesday morning, about: {task}"
