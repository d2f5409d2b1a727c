"""What ``gateway flow bundles``, ``rollout`` and ``pin`` do: they write the routing that a running gateway reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.cli.console import out
from gateway.errors import ConfigurationError
from gateway.flows.bundle import SHORT, Candidate, Shelf
from gateway.settings.load import load_settings


def list_bundles(config: Path | None) -> None:
    """Print the bundles that are kept, newest first, and what they are used for."""
    shelf = _shelf(config)
    routing = shelf.routing()
    for digest in shelf.kept():
        uses = [f"pinned for {number}" for number, bundle in routing.pins.items() if bundle == digest]
        uses += [f"{one.percent} % of {flow}" for flow, one in routing.rollouts.items() if one.bundle == digest]
        uses += [f"the rest of {flow}" for flow, bundle in routing.stable.items() if bundle == digest]
        out.print(f"{digest[:SHORT]}  {', '.join(uses)}".rstrip(), markup=False, soft_wrap=True)


def roll_out(config: Path | None, flow: str, percent: int, candidate: str, stable: str) -> None:
    """Give a share of a flow's calls to one bundle and the rest to another.

    Raises:
        ConfigurationError: a bundle is not kept, or does not have the flow.

    """
    shelf = _shelf(config)
    routing = shelf.routing()
    rollouts, rests = dict(routing.rollouts), dict(routing.stable)
    if percent in {0, 100}:
        rollouts.pop(flow, None)
        rests.pop(flow, None)
        if percent == 0 and flow in routing.stable:
            # Taken back: what was stable goes on to answer, although something newer lies in the folder.
            rollouts[flow], rests[flow] = Candidate(routing.stable[flow], 100), routing.stable[flow]
        shelf.write_routing(replace(routing, rollouts=rollouts, stable=rests))
        out.print(f"{flow}: {'the newest bundle' if percent else 'the stable bundle'} takes all calls", markup=False)
        return
    kept = shelf.kept()
    new = shelf.find(candidate) if candidate else _at(kept, 0)
    old = shelf.find(stable) if stable else _at([digest for digest in kept if digest != new], 0)
    for digest in (new, old):
        if flow not in shelf.load(digest).flows:
            raise ConfigurationError(f"bundle {digest[:SHORT]} has no flow '{flow}'")
    rollouts[flow], rests[flow] = Candidate(new, percent), old
    shelf.write_routing(replace(routing, rollouts=rollouts, stable=rests))
    out.print(f"{flow}: {percent} % of calls to {new[:SHORT]}, the rest to {old[:SHORT]}", markup=False)


def pin_number(config: Path | None, number: str, bundle: str) -> None:
    """Let a number be answered by one bundle; ``none`` lets it go.

    Raises:
        ConfigurationError: the bundle is not kept.

    """
    shelf = _shelf(config)
    routing = shelf.routing()
    pins = dict(routing.pins)
    if bundle == "none":
        pins.pop(number, None)
        told = f"{number}: not pinned"
    else:
        pins[number] = digest = shelf.find(bundle)
        told = f"{number}: pinned to {digest[:SHORT]}"
    shelf.write_routing(replace(routing, pins=pins))
    out.print(told, markup=False)


def _shelf(config: Path | None) -> Shelf:
    return Shelf(load_settings(config).settings.data_dir)


def _at(kept: list[str], place: int) -> str:
    if len(kept) <= place:
        raise ConfigurationError("a rollout needs two bundles; change the flow while the gateway watches its folder")
    return kept[place]
