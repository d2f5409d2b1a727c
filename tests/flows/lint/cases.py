"""For every rule: a change of the small service that it finds, and one much like it that it does not mind."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.flows.lint import LintOptions
from tests.flows.lint.service import FILES

Edits = tuple[tuple[str, str], ...]
ANY_FILE = "service.yaml"


@dataclass(frozen=True)
class Case:
    rule: str
    bad: Edits
    good: Edits = ()
    """None: the service as it is."""
    file: str = ANY_FILE
    options: LintOptions = field(default_factory=LintOptions)
    more: tuple[tuple[str, str], ...] = ()
    """Files besides."""


def edited(edits: Edits, file: str = ANY_FILE, more: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    """The service's files after edits; each must fit exactly once."""
    text = FILES[file]
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        text = text.replace(old, new)
    return {**FILES, file: text, **dict(more)}


SECOND = (
    'flow: second\nformat: 1\nlanguages: [en-GB]\nstart: bye\nnumbers: ["{}"]\nsteps:\n  bye:\n    hangup: Goodbye.\n'
)
NEXT_MAIN = "    clear: [day, topic]\n    next: main\n"
SAY_LOST = "    say: {en: I am passing you on., es: Le paso.}\n    next: agent\n"
MESSAGE_THEN = "    then: {recorded: bye, empty: bye, failed: bye}\n"

CASES = [
    Case("F001", (("title: A small service\n", "title: one\ntitle: two\n"),)),
    Case(
        "F002",
        (("      max_turns: 5\n", "      max_turns: many\n"),),
        (("      max_turns: 5\n", '      max_turns: "6"\n'),),
    ),
    Case("F101", (("    filler: {en: One", "    fillers: {en: One"),)),
    Case("F101", (("no_match: again, failed", "not_found: agent, no_match: again, failed"),)),
    Case("F102", (("    set: {verified: true}\n    next: main", "    next: main"),)),
    Case(
        "F102",
        (
            (
                "    hangup: {en: Goodbye., es: Adiós.}",
                "    hangup: {en: Goodbye., es: Adiós.}\n    say: {en: A., es: B.}",
            ),
        ),
    ),
    Case(
        "F103",
        (("  forget:\n    clear: [day, topic]\n    next: main", "  forget:\n    clear: [day, topic]\n    next: mian"),),
    ),
    Case("F103", (("    hours: desk\n", "    hours: dek\n"),)),
    Case("F103", (("    ask: amount\n", "    ask: amonut\n"),)),
    Case("F104", (("        spanish: {means: would rather speak another language, go: to_spanish}\n", ""),)),
    Case("F105", ((NEXT_MAIN, "    clear: [day, topic]\n"),)),
    Case("F106", (("{ok: mark, no_match: again, failed: agent}", "{ok: mark, failed: agent}"),)),
    Case("F106", (("closed: message, holiday: message", "closed: message"),)),
    Case(
        "F107",
        (
            (
                "    then: {done: visit_done, not_done: main, failed: agent}",
                "    then: {done: visit_done, not_done: main}",
            ),
        ),
    ),
    Case("F107", (("    then: {gave_up: agent}\n", ""),)),
    Case("F108", (("      - {else: agent}\n", ""),)),
    Case(
        "F108",
        (("      - {else: agent}\n", "      - {if: visits('verify') < 3, go: agent}\n      - {else: agent}\n"),),
        (("      - {else: agent}\n", "      - {if: visits('verify') < 5, go: agent}\n      - {else: agent}\n"),),
    ),
    Case("F109", (("  forget:\n", "  end_call:\n"), ("    next: forget\n", "    next: end_call\n"))),
    Case(
        "F110",
        (
            (
                SAY_LOST,
                "    say: {en: I am passing you on., es: Le paso.}\n    next: lost_again\n  lost_again:\n    say: {en: A., es: B.}\n    next: lost\n",  # noqa: E501 - a row of a table
            ),
        ),
    ),
    Case(
        "F111",
        (("      - {if: visits('verify') < 3, go: ask_last4}\n", "      - {if: verified, go: verify}\n"),),
        (("      - {if: visits('verify') < 3, go: ask_last4}\n", "      - {if: visits('verify') < 3, go: verify}\n"),),
    ),
    Case(
        "F112",
        (
            ("      - {if: visits('verify') < 3, go: ask_last4}\n", "      - {if: verified, go: verify}\n"),
            ("limits: {max_call: 15m}", "limits: {max_call: 15m, visits_per_step: 9}"),
        ),
        (("limits: {max_call: 15m}", "limits: {max_call: 15m, visits_per_step: 9}"),),
    ),
    Case(
        "F113",
        (
            (
                "      give_up: {return: not_done}\n",
                '      give_up:\n        run: book_visit\n        with: {who: "${who}"}\n        then: {done: {return: done}, not_done: {return: not_done}, failed: {return: not_done}}\n',  # noqa: E501 - a row of a table
            ),
        ),
    ),
    Case(
        "F114",
        (),
        (),
        more=(("second.yaml", SECOND.format("+442079460101")),),
    ),
    Case("F115", (("  visit_done:\n", "  visitdone:\n    hangup: {en: A., es: B.}\n  visit_done:\n"),)),
    Case(
        "F116",
        (("slots:\n", "slots:\n  colour: {type: text}\n"),),
        (
            ("slots:\n", "slots:\n  colour: {type: text}\n"),
            ("clear: [day, topic]", "clear: [day, topic, colour]"),
            ("ask: [day, topic]", "ask: [day, topic, colour]"),
        ),
    ),
    Case("F117", (("    next: agent\n", "    next: &there agent\n"),)),
    Case("F118", (("agent_exit: agent\n", ""),)),
    Case(
        "F201",
        (
            (
                'defaults:\n  no_input:\n    en: ["Sorry, I did not hear you.", "I still cannot hear you."]\n    es: ["No le he oído.", "Sigo sin oírle."]\n',  # noqa: E501 - a row of a table
                "defaults:\n",
            ),
        ),
    ),
    Case(
        "F201",
        (("    ask: amount\n", "    ask: amount\n    no_input: none\n"),),
        (
            (
                "    ask: amount\n",
                "    ask: amount\n    no_input: {en: Hello?, es: Hola.}\n".replace("Hello?", "Hello."),
            ),
        ),
    ),
    Case("F202", (('pay: {press: "2"', 'pay: {press: "1"'),)),
    Case("F202", (("  lost: {means: has lost something", '  lost: {press: "0", means: has lost something'),)),
    Case(
        "F203",
        (('visit: {press: "3"', 'visit: {press: "12"'),),
        (
            ('visit: {press: "3"', 'visit: {press: "12"'),
            ("  main:\n    guard:", "  main:\n    note: the pause is meant\n    guard:"),
        ),
    ),
    Case("F204", (('visit: {press: "3"', 'visit: {press: "0"'),), (('visit: {press: "3"', 'visit: {press: "4"'),)),
    Case(
        "F205",
        (
            (
                'pay: {press: "2", means: wants to pay, go: how_much}',
                "pay:\n          press: #\n          means: wants to pay\n          go: how_much",
            ),
        ),
    ),
    Case(
        "F205",
        (("always:\n", "always:\n  #: nothing\n"),),
        (("always:\n", "always:\n  # a comment: nothing more\n"),),
    ),
    Case("F206", (("Press 1 for the balance, 2 to pay, 3 for", "Press 1 for the balance, 2 to pay, 4 for"),)),
    Case("F206", (("Press 1 for the balance, 2 to pay, 3 for an appointment.", "Press 1 for the balance, 2 to pay."),)),
    Case(
        "F207",
        (
            (
                "        chat: {means: any",
                "        opening: {means: opening times, go: chat}\n        chat: {means: any",
            ),
        ),
    ),
    Case(
        "F208",
        (("means: balance of the account", "means: wants an appointment with somebody else"),),
        (("means: balance of the account", "means: what is left in the account"),),
    ),
    Case(
        "F209",
        (
            ("    ask: last4\n", "    ask: last4\n    end_key: none\n"),
            ("{type: digits, length: 4, privacy", "{type: digits, min_length: 4, max_length: 9, privacy"),
        ),
        (("    ask: last4\n", "    ask: last4\n    end_key: none\n"),),
    ),
    Case(
        "F209",
        (("    ask: amount\n", "    ask: amount\n    end_key: star\n"),),
        (("    ask: amount\n", "    ask: amount\n    end_key: pound\n"),),
    ),
    Case("F210", (("  amount: {type: amount,", "  amount: {type: amount, input: voice_only,"),)),
    Case("F211", (("{en: Key in your PIN., es:", "{en: Your PIN., es:"),)),
    Case(
        "F212",
        (
            (
                'en: ["Balance, payment, or an appointment?"',
                'en: ["' + "Balance, payment, or an appointment? " * 7 + '"',
            ),
        ),
    ),
    Case("F213", (('"I still cannot hear you."]', '"Sorry, I did not hear you."]'),)),
    Case("F301", (("${verified|yesno}", "${verifed|yesno}"),)),
    Case("F301", (("{need: verified,", "{need: verifed,"),)),
    Case(
        "F302",
        (("{en: I am passing you on., es: Le paso.}", '{en: "${day|date}", es: "${day|date}"}'),),
        (("{en: I am passing you on., es: Le paso.}", "{en: \"${day|or('then')}\", es: \"${day|or('then')}\"}"),),
    ),
    Case("F302", (("agent_exit: agent\nstart: greet", "agent_exit: agent\nstart: balance"),)),
    Case("F303", (("{if: visits('verify') < 3,", "{if: visits('verify') < 'three',"),)),
    Case("F303", (("between: [1, 500]", "between: [2020-01-01, 500]"),)),
    Case(
        "F303",
        (("    set: {verified: true}", "    set: {verified: perhaps}"),),
        (("    set: {verified: true}", "    set: {verified: yes}"),),
    ),
    Case("F304", (('with: {last4: "${last4}", pin: "${pin}"}', 'with: {last4: "${last4}"}'),)),
    Case("F304", (('    with: {id: "${account.id}"}', '    with: {id: "${account.id}", ide: x}'),)),
    Case("F304", (('who: "${who}", day: "${day}", topic', 'who: "${who}", day: tomorrow, topic'),)),
    Case(
        "F305",
        (
            (
                '{en: "It is ${balance.sum|money}.", es: "Son ${balance.sum|money}."}',
                '{en: "It is ${balance.some|money}.", es: "Son ${balance.some|money}."}',
            ),
        ),
    ),
    Case("F306", (("{if: visits('verify') < 3,", "{if: visits('verify') = 3,"),)),
    Case("F306", (("${verified|yesno}", "${verified|attr('x')}"),)),
    Case("F307", (('whisper: "Verified: ${verified|yesno}."', 'whisper: "PIN: ${pin}."'),)),
    Case("F307", (("facts: [files/facts.md, topic]", "facts: [files/facts.md, pin]"),)),
    Case(
        "F308",
        (("input: keys_only, privacy: secret}", "input: keys_only}"),),
        (("  pin: {type: digits", "  pin: {type: digits"),),
    ),
    Case("F309", (('whisper: "Verified: ${verified|yesno}."', 'whisper: "Verified: ${secret.api}."'),)),
    Case("F310", (("length: 6, input: keys_only, privacy: secret", "length: 6, input: any, privacy: secret"),)),
    Case(
        "F311",
        (
            (
                "{en: I am passing you on., es: Le paso.}",
                "{en: \"${account.name|or('you')}\", es: \"${account.name|or('usted')}\"}",
            ),
        ),
    ),
    Case(
        "F312",
        (("has lost something, go: lost,", "has lost something, go: balance,"),),
        (("has lost something, go: lost,", "has lost something, go: main,"),),
    ),
    Case(
        "F312",
        (
            ("    guard: {need: verified, else: ask_last4}\n", ""),
            ("has lost something, go: lost,", "has lost something, go: main,"),
        ),
    ),
    Case("F313", (("        then: {if_yes: book, if_no: which_day", "        then: {if_yes: which_day, if_no: book"),)),
    Case("F313", (("        once: true\n", ""),), ()),
    Case(
        "F401",
        (("busy: message, no_answer: message, failed: message}", "busy: ring, no_answer: ring, failed: ring}"),),
    ),
    Case(
        "F402", (('"tel:+441632960001"', '"tel:01632 960001"'),), (('"tel:+441632960001"', '"sip:desk@example.com"'),)
    ),
    Case("F403", (("      max_wait: 5m\n", ""),)),
    Case(
        "F404",
        (('      whisper: "Verified: ${verified|yesno}."\n      summary: {max_words: 40, leave_out: [pin]}\n', ""),),
        (('      whisper: "Verified: ${verified|yesno}."\n', ""),),
    ),
    Case(
        "F405",
        (
            ("closed: message, timeout", "timeout"),
            (
                "    hours: desk\n    then: {open: ask_last4, closed: message, holiday: message}",
                "    decide:\n      - {else: ask_last4}",
            ),
            ("calendars:\n  desk:\n    timezone: Europe/London\n    open:\n      mon-fri: 09:00-17:00\n", ""),
        ),
        (("closed: message, timeout", "timeout"),),
    ),
    Case("F406", (("start: greet\n", "start: ask_last4\n"),)),
    Case("F406", (("    interrupt: keys_only\n", ""),)),
    Case(
        "F407",
        (),
        (("recording: {mode: on, notice: first_prompt}\n", ""),),
        options=LintOptions(recording_pauses=False),
    ),
    Case(
        "F408",
        ((SAY_LOST, SAY_LOST.replace("I am passing you on.", "Please dial nine nine nine.")),),
        (
            (
                SAY_LOST,
                SAY_LOST.replace("I am passing you on.", "Please dial nine nine nine.") + "    interrupt: blocked\n",
            ),
        ),
    ),
    Case("F501", (("      max_turns: 5\n", ""),), (("      max_turns: 5\n", "      max_time: 2m\n"),)),
    Case("F502", (("needs: [day], fills: [day]", "needs: [day]"),)),
    Case("F503", (("      tools: [get_balance]\n", "      tools: [book]\n"),)),
    Case("F504", (), (), more=(("files/facts.md", "We are open. " * 2000),)),
    Case(
        "F505",
        ((NEXT_MAIN, NEXT_MAIN + "    model: {name: other}\n"),),
        (("    language: es-ES\n", "    language: es-ES\n    model: {name: other}\n"),),
    ),
    Case(
        "F506",
        (('{en: "It is ${balance.sum|money}.",', '{en: {text: "It is ${balance.sum|money}.", exact: true},'),),
        (("{en: Goodbye., es:", "{en: {text: Goodbye., exact: true}, es:"),),
    ),
    Case(
        "F506",
        (("{en: Goodbye., es:", "{en: {text: Goodbye., exact: true}, es:"),),
        options=LintOptions(is_rendered=lambda flow, language, way: not way.exact),
    ),
    Case("F507", (("      never: [legal advice]\n", "      never: [says please]\n"),)),
    Case(
        "F508",
        (("persona: Brief", "model: {effort: low}\npersona: Brief"),),
        (("persona: Brief", "model: {max_words: 30}\npersona: Brief"),),
        options=LintOptions(lacks=frozenset({"effort"})),
    ),
    Case("F508", (), (("mode: warm", "mode: cold"),), options=LintOptions(lacks=frozenset({"warm_transfer"}))),
    Case(
        "F601", (("{en: Goodbye., es: Adiós.}", "Goodbye."),), (("{en: Goodbye., es: Adiós.}", '"${call.id|digits}"'),)
    ),
    Case("F602", (('es: "Son ${balance.sum|money}."', 'es: "Es poco."'),)),
    Case(
        "F603",
        (("{en: Goodbye., es:", "{en: Call 0800123456., es:"),),
        (("{en: Goodbye., es:", "{en: In 2026 we move., es:"),),
    ),
    Case("F604", (("{en: Goodbye., es:", "{en: {text: Goodbye., audio: prompts/gone.wav}, es:"),)),
    Case(
        "F605",
        (("{en: Goodbye., es:", "{en: [Goodbye, and thank you], es:"),),
        (("{en: Goodbye., es:", '{en: ["Goodbye, and thank you"], es:'),),
    ),
    Case("F606", (("{en: Goodbye., es: Adiós.}", "{{ bye }}"),)),
    Case("F606", (("{en: Goodbye., es: Adiós.}", "Note: goodbye"),)),
    Case(
        "F607",
        (),
        options=LintOptions(is_rendered=lambda flow, language, way: False),
    ),
    Case(
        "F701",
        (),
        options=LintOptions(covered={"service": frozenset({"greet"})}),
    ),
    Case("F702", (("expect: {step: greet}", "expect: {step: great}"),), file="service.test.yaml"),
    Case("F002", (("        expiry: {en: Key in its expiry date., es: Marque la caducidad.}\n", ""),)),
    Case(
        "F105",
        (("      send_to: desk@example.com\n", ""),),
        (("      send_to: desk@example.com\n", "      as: topic\n"),),
    ),
    Case("F105", (("has lost something, go: lost,", "has lost something,"),)),
    Case("F116", (("{means: has lost something, go: lost, not_from: [paying]}", "{go: lost, not_from: [paying]}"),)),
    Case("F301", (("accounts/${id}", "accounts/${ident}"),), file="shared/tools.yaml"),
    Case("F313", (("        once: true\n", "        once: true\n        retry: 1\n"),)),
    Case("F604", (("      max_wait: 5m\n", "      max_wait: 5m\n      hold: {music: hold/none.wav}\n"),)),
]
"""Several for a rule where it has several sides."""
