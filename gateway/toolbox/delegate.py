"""The tool that hands a question to one of several specialist agents, who work while the call goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.contracts.tool import CallFacts
from gateway.settings.tools import AgentSettings, DelegateToolSettings
from gateway.toolbox.arguments import DeclaredArguments
from gateway.toolbox.guard import Guarded, filler_of


def delegate(name: str, settings: DelegateToolSettings, tools: Mapping[str, Guarded]) -> Guarded:
    """Return the tool; each agent is one of ``tools`` and is given ``{"task": …}``.

    An agent's own limits hold: its rate, its time and the length of its answer.
    """

    async def work(arguments: dict[str, Any], facts: CallFacts) -> object:
        agent = tools[settings.agents[arguments["agent"]].tool]
        return await agent.run(json.dumps({"task": arguments["task"]}), facts)

    chosen = [tools[agent.tool] for agent in settings.agents.values()]
    return Guarded(
        name=name,
        description=settings.description,
        arguments=DeclaredArguments(_schema(settings.agents)),
        work=work,
        # The agent's own limit rings first.
        timeout_ms=max(agent.timeout_ms for agent in chosen) + 1000,
        max_result_bytes=max(agent.max_result_bytes for agent in chosen),
        background=settings.background,
        filler=filler_of(settings.filler),
    )


def _schema(agents: Mapping[str, AgentSettings]) -> dict[str, Any]:
    """Return the parameters; each agent's description stands where models and the local server's ears look for it."""
    told = "; ".join(f"{name} = {agent.description}" for name, agent in agents.items())
    return {
        "type": "object",
        "properties": {
            "agent": {"type": "string", "enum": list(agents), "description": told},
            "task": {
                "type": "string",
                "minLength": 1,
                "description": "What the specialist is to find out or do, with all that the caller has said about it.",
            },
        },
        "required": ["agent", "task"],
        "additionalProperties": False,
    }
