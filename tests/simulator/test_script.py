from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audio import tones
from gateway.audio.wav import write_wav
from gateway.errors import ConfigurationError
from gateway.simulator.catalogue import caller_named, names
from gateway.simulator.line import Line
from gateway.simulator.script import (
    Agent,
    EndedBy,
    Expect,
    HangUp,
    InterruptAfter,
    PlayFile,
    Press,
    Say,
    Script,
    StaySilent,
    WaitForAgent,
)
from gateway.simulator.script_file import load_script, parse_script
from gateway.simulator.voices import audible_samples, audible_spans, render

from .fakes import ToneVoice

WHOLE = """\
name: everything
about: does all there is
language: es
voice: sage
speed: 1.2
limit_ms: 30000
line: {noise_dbfs: -40, loss_pattern: [true, false], second_voice: hello there, seed: 9}
steps:
  - wait_for_agent: to finish
  - say: "0123: yes"
  - say: {text: No., language: en, voice: ash, speed: 0.8}
  - interrupt_after_ms: 800
  - interrupt_after_ms: {heard_ms: 500, within_ms: 4000}
  - play: hello.wav
  - wait_for_agent: {for: to start, within_ms: 5000}
  - press: 0123#
  - press: {keys: "*9", gap_ms: 300}
  - silent_ms: 1500
  - hang_up
expect:
  ended_by: gateway
  transferred_to: "+15551234"
  within_ms: 25000
  answered_within_ms: 2000
  clears_at_least: 1
"""


def test_a_script_with_everything_is_read(tmp_path: Path):
    write_wav(tmp_path / "hello.wav", [tones.tone(500, 100, 16000)], 16000)
    file = tmp_path / "caller.yaml"
    file.write_text(WHOLE)
    assert load_script(file) == Script(
        name="everything",
        about="does all there is",
        language="es",
        voice="sage",
        speed=1.2,
        limit_ms=30000,
        line=Line(noise_dbfs=-40, loss_pattern=(True, False), second_voice="hello there", seed=9),
        steps=(
            WaitForAgent(Agent.TO_FINISH, line=9),
            Say("0123: yes", line=10),
            Say("No.", "en", "ash", 0.8, line=11),
            InterruptAfter(800, line=12),
            InterruptAfter(500, 4000, line=13),
            PlayFile(tmp_path / "hello.wav", line=14),
            WaitForAgent(Agent.TO_START, within_ms=5000, line=15),
            Press("0123#", line=16),
            Press("*9", 300, line=17),
            StaySilent(1500, line=18),
            HangUp(line=19),
        ),
        expect=Expect(
            ended_by=EndedBy.GATEWAY,
            transferred_to="+15551234",
            within_ms=25000,
            answered_within_ms=2000,
            clears_at_least=1,
        ),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "caller.yaml line 1: the script is empty"),
        ("steps: [", "caller.yaml line 1: not YAML"),
        ("- a", "caller.yaml line 1: script: wanted names with values"),
        ("stepps: []", "caller.yaml line 1: script has no 'stepps'; nearest: 'steps'"),
        ("name: a\nname: b", "caller.yaml line 2: script: 'name' stands here twice"),
        ("name: &x a\nabout: *x", r"caller.yaml line 2: \*x is a YAML alias"),
        ("<<: {}", "caller.yaml line 1: script has no '<<'"),
        ("steps: hang_up", "caller.yaml line 1: steps: wanted a list"),
        ("steps:\n  - hangup", "caller.yaml line 2: step 'hangup' is unknown; nearest: 'hang_up'"),
        ("steps:\n  - say", "caller.yaml line 2: step 'say' wants a value: write 'say: …'"),
        ("steps:\n  - say: a\n    press: 1", "caller.yaml line 2: a step has one name"),
        ("steps:\n  - hang_up: later", "caller.yaml line 2: hang_up takes no value"),
        ("steps:\n  - say: ''", "caller.yaml line 2: the text is empty"),
        ("steps:\n  - say: [a]", "caller.yaml line 2: wanted a text"),
        ("steps:\n\n  - press: 12a", "caller.yaml line 3: key 'a' is on no telephone"),
        ("steps:\n  - silent_ms: soon", "caller.yaml line 2: 'soon' is not a whole number"),
        ("steps:\n  - silent_ms: -4", "caller.yaml line 2: -4 ms; wanted 0 to"),
        ("steps:\n  - wait_for_agent: to stop", "caller.yaml line 2: 'to stop' is unknown; nearest: 'to start'"),
        ("steps:\n  - wait_for_agent: {settle_ms: 3}", "caller.yaml line 2: wait_for_agent: wanted 'for'"),
        ("steps:\n  - say: {text: a, speeed: 1}", "caller.yaml line 2: say has no 'speeed'; nearest: 'speed'"),
        ("steps:\n  - say: {text: a, speed: 9}", "caller.yaml line 2: speed 9.0; wanted 0.5 to 2.5"),
        ("steps:\n  - play: no.wav", "caller.yaml line 2: play: there is no file"),
        ("line: {noise_dbfs: 20}", "caller.yaml line 1: line: noise_dbfs is 20.0"),
        ("line: {noise_dbfs: .nan}", "caller.yaml line 1: '.nan' is not a number"),
        ("line: {loss_pattern: []}", "caller.yaml line 1: loss_pattern: wanted a list"),
        ("expect:\n  ended_by: me", "caller.yaml line 2: 'me' is unknown"),
    ],
)
def test_a_fault_is_told_with_file_and_line(text, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        parse_script(text, "caller.yaml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"script .*gone\.yaml: .*No such file"):
        load_script(tmp_path / "gone.yaml")


# --- the catalogue ------------------------------------------------------------------------------------------------


def test_the_catalogue_holds_the_callers_that_every_gateway_meets():
    wanted = {"polite", "interrupter", "silent", "noisy-line", "clipped-loud", "two-voices", "key-presser"}
    assert wanted | {"hang-up-at-greeting", "mumbler", "speakerphone"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_each_caller_of_the_catalogue_is_a_whole_script(name):
    script = caller_named(name)
    assert script.name == name
    assert script.about
    assert script.steps


def test_an_unknown_caller_is_answered_with_the_nearest():
    with pytest.raises(ConfigurationError, match="caller 'polit' is not in the catalogue; nearest: 'polite'"):
        caller_named("polit")


# --- sound --------------------------------------------------------------------------------------------------------


def test_a_script_is_rendered_before_the_call(tmp_path: Path):
    write_wav(tmp_path / "a.wav", [tones.tone(500, 250, 16000)], 16000)
    script = Script(steps=(Say("ten chars."), PlayFile(tmp_path / "a.wav"), Say("fast", speed=2.0)))
    rendered = render(script, Line(second_voice="beside"), ToneVoice())
    assert {index: len(pcm) / 16 for index, pcm in rendered.utterances.items()} == {0: 600.0, 1: 250.0, 2: 120.0}
    assert len(rendered.second_voice) / 16 == 6 * 60 + 500


def test_a_script_without_words_needs_no_voice():
    assert render(Script(steps=(Press("1"),)), Line(), None).utterances == {}


def test_audible_stretches_are_found_to_the_sample():
    sound = tones.tone(1000, 50, 8000)
    pcm = bytes(320) + sound + bytes(1600) + sound + bytes(16000)
    first, last = audible_samples(pcm)
    assert (first, last) == pytest.approx((160, 160 + 400 + 800 + 400), abs=2)
    assert audible_spans(pcm, bridge_ms=200) == [pytest.approx((20.0, 220.0), abs=0.4)]
    assert audible_spans(pcm, bridge_ms=50) == [
        pytest.approx((20.0, 70.0), abs=0.4),
        pytest.approx((170.0, 220.0), abs=0.4),
    ]
    assert audible_samples(bytes(640)) == (0, 0)
    assert audible_spans(bytes(640)) == []
