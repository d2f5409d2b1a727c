"""A small, clean phone service that uses every verb, for rules to be shown on: by itself it has no finding."""

FLOW = """\
flow: service
format: 1
version: 3
title: A small service
languages: [en-GB, es-ES]
voice: marin
numbers: ["+442079460101"]
use: [shared/tools.yaml]
limits: {max_call: 15m}
recording: {mode: on, notice: first_prompt}

persona: Brief and friendly. Always says please.

calendars:
  desk:
    timezone: Europe/London
    open:
      mon-fri: 09:00-17:00

slots:
  last4: {type: digits, length: 4, privacy: personal}
  pin: {type: digits, length: 6, input: keys_only, privacy: secret}
  day: {type: date, between: [today, "today + 60 days"]}
  amount: {type: amount, currency: EUR, between: [1, 500]}
  topic: {type: text, max_words: 20, optional: true}
variables:
  verified: {type: boolean, start: false}
  account: {from_tool: verify}

always:
  person: {press: "0", means: asks for a human being, go: agent_exit}
  lost: {means: has lost something, go: lost, not_from: [paying]}
defaults:
  no_input:
    en: ["Sorry, I did not hear you.", "I still cannot hear you."]
    es: ["No le he oído.", "Sigo sin oírle."]
  no_match:
    en: ["Sorry, I missed that.", "Here are the options again."]
    es: ["No le he entendido.", "Le repito las opciones."]

agent_exit: agent
start: greet
steps:
  greet:
    say: {en: "Welcome. Calls are recorded.", es: "Bienvenido. Esta llamada se graba."}
    interrupt: keys_only
    next: hours

  hours:
    hours: desk
    then: {open: ask_last4, closed: message, holiday: message}

  ask_last4:
    ask: last4
    prompt:
      en: ["Your last four digits, please.", "Key in the last four digits."]
      es: ["Sus cuatro últimas cifras.", "Marque las cuatro últimas cifras."]
    then: {filled: ask_pin, failed: agent}

  ask_pin:
    ask: pin
    prompt: {en: Key in your PIN., es: Marque su clave.}
    then: {filled: verify, failed: agent}

  verify:
    call: verify
    with: {last4: "${last4}", pin: "${pin}"}
    save: account
    filler: {en: One moment., es: Un momento.}
    then: {ok: mark, no_match: again, failed: agent}

  again:
    decide:
      - {if: visits('verify') < 3, go: ask_last4}
      - {else: agent}

  mark:
    set: {verified: true}
    next: main

  main:
    guard: {need: verified, else: ask_last4}
    menu:
      prompt:
        en: ["Balance, payment, or an appointment?", "Press 1 for the balance, 2 to pay, 3 for an appointment."]
        es: ["¿Saldo, pago o cita?", "Pulse 1 para saldo, 2 para pagar, 3 para una cita."]
      choices:
        balance: {press: "1", means: balance of the account, go: balance}
        pay: {press: "2", means: wants to pay, go: how_much}
        visit: {press: "3", means: an appointment with somebody, fills: [day], go: visit}
        chat: {means: any other question, go: chat}
        spanish: {means: would rather speak another language, go: to_spanish}
    then: {failed: agent}

  to_spanish:
    language: es-ES
    next: main

  balance:
    call: get_balance
    with: {id: "${account.id}"}
    save: balance
    then: {ok: say_balance, failed: agent}

  say_balance:
    say: {en: "It is ${balance.sum|money}.", es: "Son ${balance.sum|money}."}
    next: main

  chat:
    talk:
      goal: Answer questions from the facts.
      facts: [files/facts.md, topic]
      tools: [get_balance]
      never: [legal advice]
      max_turns: 5
    exits:
      visit: {when: wants an appointment, needs: [day], fills: [day], go: visit}
      done: {when: has no more questions, go: main}
    then: {gave_up: agent}

  how_much:
    ask: amount
    prompt: {en: "How much?", es: "¿Cuánto?"}
    then: {filled: paying, failed: agent}

  paying:
    pay:
      amount: ${amount}
      processor: payments
      collect: [card_number, expiry]
      prompts:
        card_number: {en: Key in your card number., es: Marque su tarjeta.}
        expiry: {en: Key in its expiry date., es: Marque la caducidad.}
    then: {paid: paid, declined: main, cancelled: main, failed: agent}

  paid:
    say: {en: "Thank you. Reference ${payment.reference|spell}.", es: "Gracias. Referencia ${payment.reference|spell}."}
    next: main

  visit:
    run: book_visit
    with: {who: "${account.id}"}
    gives: {booked: visit_booked}
    then: {done: visit_done, not_done: main, failed: agent}

  visit_done:
    say: {en: "See you on ${day|date}. ${visit_booked.note}", es: "Hasta el ${day|date}. ${visit_booked.note}"}
    next: forget

  forget:
    clear: [day, topic]
    next: main

  lost:
    say: {en: I am passing you on., es: Le paso.}
    next: agent

  agent:
    transfer:
      to: queue:desk
      mode: warm
      whisper: "Verified: ${verified|yesno}."
      summary: {max_words: 40, leave_out: [pin]}
      max_wait: 5m
    then: {answered: end_call, closed: message, timeout: ring, failed: ring}

  ring:
    transfer: {to: "tel:+441632960001", mode: cold}
    then: {answered: end_call, busy: message, no_answer: message, failed: message}

  message:
    voicemail:
      prompt: {en: Please leave a message., es: Deje su mensaje.}
      send_to: desk@example.com
    then: {recorded: bye, empty: bye, failed: bye}

  bye:
    hangup: {en: Goodbye., es: Adiós.}

subflows:
  book_visit:
    takes: {who: text}
    returns: {booked: object}
    outcomes: [done, not_done]
    start: which_day
    steps:
      which_day:
        ask: [day, topic]
        prompt: {en: "Which day?", es: "¿Qué día?"}
        then: {filled: sure, failed: {return: not_done}}
      sure:
        confirm: {en: "On ${day|date}?", es: "¿El ${day|date}?"}
        then: {if_yes: book, if_no: which_day, failed: {return: not_done}}
      book:
        call: book
        with: {who: "${who}", day: "${day}", topic: "${topic|or('')}"}
        save: booked
        once: true
        then: {ok: {return: done}, failed: give_up}
      give_up: {return: not_done}
"""

TOOLS = """\
format: 1
kind: tools
tools:
  verify:
    http: POST ${secret.api}/verify
    send: {last4: digits, pin: secret}
    outcomes: {ok: 200, no_match: 404}
    returns: {id: text, name: text}
    identifies: yes
    personal: yes
    idempotent: yes
  get_balance:
    http: GET ${secret.api}/accounts/${id}
    send: {id: text}
    returns: {sum: amount EUR}
    personal: yes
  book:
    http: POST ${secret.api}/visits
    send: {who: text, day: date, topic: optional text}
    returns: {note: text}
    changes_data: yes
"""

TEST = """\
flow: service
tests:
  - name: somebody calls
    call:
      - expect: {step: greet}
"""

FILES = {
    "service.yaml": FLOW,
    "shared/tools.yaml": TOOLS,
    "files/facts.md": "We are open.\n",
    "service.test.yaml": TEST,
}
"""The service as a folder."""
