"""The watch over random walks has to see what it is there for: each breach is shown to be found."""

from functools import cache

import pytest

from gateway.flows.engine.commands import AskModel, RunTool, SayPrompt, Tell
from gateway.flows.engine.core import Engine
from gateway.flows.engine.events import HungUp, ToolReturned
from gateway.flows.engine.state import CallFacts
from gateway.flows.expressions.values import Secret
from gateway.flows.load import load_texts
from gateway.flows.model import Flow
from gateway.flows.rehearsal.invariants import CARD, PIN, Watch
from gateway.flows.rehearsal.walking import walk
from gateway.flows.steps import InterruptPolicy
from tests.flows.engine.bench import NOW, SHIPPED, shipped

BANK = shipped("card_member_services")


@pytest.fixture
def watch() -> Watch:
    engine = Engine(BANK, CallFacts(id="1"), NOW)
    watch = Watch(BANK, engine)
    watch.look(engine.start(0.0), None)
    assert not watch.breaches
    return watch


def says(text: str) -> SayPrompt:
    return SayPrompt(
        prompt=1, epoch=1, step="x", text=text, language="en-GB", voice=None, exact=False, audio=None,
        interrupt=InterruptPolicy(),
    )  # fmt: skip


def runs(tool: str, **arguments: object) -> RunTool:
    return RunTool(
        run=1,
        epoch=1,
        step="x",
        tool=BANK.tools[tool],
        arguments=arguments,
        timeout_ms=1,
        retries=0,
        idempotency_key=None,
    )


@pytest.mark.parametrize(
    "command",
    [
        says(f"Your PIN is {PIN}."),
        Tell(name="heard", step="x", visit=1, facts={"kind": PIN}),
        AskModel(epoch=1, step="x", item="i", brief=CARD, said="", function="f", description="", parameters={}),
        runs("close_case", note=PIN),
    ],
)
def test_a_secret_that_leaves_is_seen(watch: Watch, command: SayPrompt) -> None:
    watch.look([command], None)
    assert "something secret" in watch.breaches[0]


def test_a_sealed_argument_is_no_breach(watch: Watch) -> None:
    watch.look([runs("verify_caller", pin=Secret(PIN))], None)
    assert not watch.breaches


def test_data_of_a_caller_who_is_not_known_is_seen(watch: Watch) -> None:
    watch.look([runs("get_balance")], None)
    assert "not known" in watch.breaches[0]


def test_data_of_a_caller_who_is_known_is_no_breach(watch: Watch) -> None:
    watch.look([runs("verify_caller")], None)
    watch.look([runs("get_balance")], ToolReturned(1, "ok"))
    assert not watch.breaches


def test_a_word_to_a_caller_who_has_gone_is_seen(watch: Watch) -> None:
    watch.look([says("Hello?")], HungUp())
    assert "has gone" in watch.breaches[0]


def test_anything_after_the_end_is_seen(watch: Watch) -> None:
    watch.look([Tell(name="call_ended", step="x", visit=1)], None)
    watch.look([says("Hello?")], None)
    assert "after the end" in watch.breaches[0]


def test_a_flood_is_seen(watch: Watch) -> None:
    watch.look([says("Hello.")] * 501, None)
    assert "501 commands" in watch.breaches[0]


def test_an_engine_without_guards_is_found_out_by_walking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.flows.engine.position.holds", lambda *_: True)
    breaches = {breach for seed in range(300) for breach in walk(unguarded(), seed).breaches}
    assert any("guard does not hold" in breach or "not known" in breach for breach in breaches)


@cache
def unguarded() -> Flow:
    """The bank's flow with a way round its checks, which only its guards are left to close."""
    files = {
        path.relative_to(SHIPPED).as_posix(): path.read_text(encoding="utf-8")
        for path in SHIPPED.rglob("*")
        if path.suffix in {".yaml", ".md"}
    }
    bank = files["card_member_services.yaml"]
    files["card_member_services.yaml"] = bank.replace(
        "not_from: [take_payment]", "not_from: [take_payment]\n  short_cut: {press: '7', go: main}"
    )
    return load_texts(files, SHIPPED).flows["card_member_services"]


def test_with_its_guards_the_same_flow_is_safe() -> None:
    assert not [breach for seed in range(200) for breach in walk(unguarded(), seed).breaches]


def test_an_engine_that_sets_no_alarms_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.flows.engine.core.Engine.next_wake_ms", lambda _: None)
    monkeypatch.setattr("gateway.flows.rehearsal.walking.ACTIONS_AT_MOST", 5)
    assert any("does not end" in breach for seed in range(100) for breach in walk(BANK, seed).breaches)
