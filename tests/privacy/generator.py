"""Makes calls with and without card data, of many kinds, from a seed: ``cases(number, seed)``.

Numbers are random, pass the check digit and begin like test ranges; sentences are put together from parts. The form of
a case is that of the sample (its README). Nothing of it is taken from the sample.
"""

# ruff: noqa: E501 - a case reads best in one line

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.lexicon.numbers import spell_cardinal
from gateway.privacy.pan import is_card_number, passes_luhn

ISSUERS = [
    ("4539", 16), ("4716", 16), ("4000", 16), ("5425", 16), ("5105", 16), ("2223", 16), ("2720", 16), ("6011", 16),
    ("6445", 16), ("3530", 16), ("3782", 15), ("3411", 15), ("3055", 14), ("3600", 14), ("6221", 16), ("6212", 19),
    ("4917", 19), ("6304", 12), ("6759", 13), ("6762", 18), ("4222", 13), ("6521", 16), ("8171", 16),
]  # fmt: skip
EASY = [issuer for issuer in ISSUERS if issuer[1] in {15, 16}]
UNITS = {
    "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    "es": ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"],
    "fr": ["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"],
    "de": ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"],
}
FR_SMALL = ["dix", "onze", "douze", "treize", "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf"]
FR_TENS = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante"}
DE_SMALL = ["zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"]
DE_TENS = ["zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]
DE_ONES = ["", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
MONTHS = {
    "en": ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"],
    "es": ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
           "noviembre", "diciembre"],
    "fr": ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
           "décembre"],
    "de": ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
           "Dezember"],
}  # fmt: skip
LEAD_INS = {
    "en": ["my card number is ", "put this on my Visa, ", "okay here it comes: ", "sure, it's ", "I'd like to pay with ",
           "take it off ", "it goes ", "the long number across the front is ", "please charge ", ""],
    "es": ["mi tarjeta es la ", "el número es ", "cóbrelo en la ", "apunte: ", "sí, es ", ""],
    "fr": ["mon numéro de carte c'est le ", "vous pouvez prélever sur ", "alors, ", "je vous donne le numéro : ", ""],
    "de": ["meine Kartennummer lautet ", "ja, das ist die ", "bitte belasten Sie ", "also, ", ""],
}  # fmt: skip
TAILS = {
    "en": ["", ".", " please", ", thanks", " and that's it", ", did you get that?", " if that works"],
    "es": ["", ".", " por favor", ", gracias", " y ya está"],
    "fr": ["", ".", " s'il vous plaît", ", merci", " voilà"],
    "de": ["", ".", " bitte", ", danke", " und das wars"],
}
ASKS = {
    "en": ["Could I take the card number, please?", "Go ahead and read me the number on the card.",
           "Which card would you like to use?", "May I have your credit card details?"],
    "es": ["¿Me puede dar el número de la tarjeta?", "Dígame los datos de su tarjeta, por favor."],
    "fr": ["Quel est le numéro de votre carte ?", "Donnez-moi les chiffres de la carte, s'il vous plaît."],
    "de": ["Wie lautet Ihre Kartennummer?", "Nennen Sie mir bitte die Nummer Ihrer Kreditkarte."],
}  # fmt: skip


@dataclass
class Turn:
    """A turn as it is put together."""

    role: str
    text: str = ""
    spans: list[tuple[int, int, str]] = field(default_factory=list)

    def say(self, text: str, kind: str | None = None) -> Turn:
        if kind is not None:
            self.spans.append((len(self.text), len(self.text) + len(text), kind))
        self.text += text
        return self


@dataclass
class Call:
    """A call as it is put together."""

    rng: random.Random
    lang: str = "en"
    turns: list[Turn] = field(default_factory=list)
    pans: list[str] = field(default_factory=list)
    sad: list[dict[str, Any]] = field(default_factory=list)

    def turn(self, role: str, text: str = "") -> Turn:
        self.turns.append(Turn(role, text))
        return self.turns[-1]

    def pan(self, issuers: list[tuple[str, int]] = EASY) -> str:
        pan = card_number(self.rng, issuers)
        self.pans.append(pan)
        return pan

    def any(self, *choices: Any) -> Any:
        return self.rng.choice(choices)

    def of(self, table: dict[str, list[str]]) -> str:
        return self.rng.choice(table[self.lang])

    def give(self, said: str, kind: str = "pan", role: str = "caller") -> Turn:
        return self.turn(role).say(self.of(LEAD_INS)).say(said, kind).say(self.of(TAILS))


Maker = Callable[[Call], None]
MAKERS: dict[str, Maker] = {}
NEGATIVE: set[str] = set()


def kind(maker: Maker) -> Maker:
    """Enter a category with card data."""
    MAKERS[maker.__name__] = maker
    return maker


def plain(maker: Maker) -> Maker:
    """Enter a category without card data."""
    NEGATIVE.add(maker.__name__)
    return kind(maker)


# --- numbers -----------------------------------------------------------------------------------------------------------


def card_number(rng: random.Random, issuers: list[tuple[str, int]] = EASY) -> str:
    """Return a random card number under one of these prefixes."""
    while True:
        prefix, length = rng.choice(issuers)
        body = prefix + "".join(rng.choices("0123456789", k=length - len(prefix) - 1))
        pan = next(body + str(check) for check in range(10) if passes_luhn(body + str(check)))
        if is_card_number(pan):
            return pan


def digits(rng: random.Random, length: int, first: str = "0123456789") -> str:
    """Return random digits; as long as a card, they do not pass the check digit."""
    while True:
        drawn = rng.choice(first) + "".join(rng.choices("0123456789", k=length - 1))
        if length < 12 or not passes_luhn(drawn):
            return drawn


def groups(pan: str) -> list[str]:
    """Return a number in the groups that are printed on the card."""
    sizes = {15: [4, 6, 5], 14: [4, 6, 4]}.get(len(pan), [4] * 5)
    out = []
    for size in sizes:
        out.append(pan[:size])
        pan = pan[size:]
    return [group for group in out if group]


def spoken(rng: random.Random, text: str, lang: str = "en", *, oh: float = 0.3) -> list[str]:
    """Return the words of digits read one by one."""
    names = UNITS[lang]
    out = []
    for digit in text:
        word = names[int(digit)]
        if lang == "en" and digit == "0" and rng.random() < oh:
            word = rng.choice(["oh", "nought", "O"])
        if lang == "de" and digit == "2" and rng.random() < oh:
            word = "zwo"
        out.append(word)
    return out


def pair(value: int, lang: str) -> str:
    """Return a number from 10 to 99 in words."""
    if lang in {"en", "es"}:
        return spell_cardinal(value, lang)
    tens, ones = divmod(value, 10)
    if lang == "de":
        if value < 20:
            return DE_SMALL[value - 10]
        return (f"{DE_ONES[ones]}und" if ones else "") + DE_TENS[tens - 2]
    if value < 20:
        return FR_SMALL[value - 10]
    if tens in {7, 9}:
        return ("soixante-" if tens == 7 else "quatre-vingt-") + FR_SMALL[ones]
    base = "quatre-vingt" if tens == 8 else FR_TENS[tens]
    if not ones:
        return base + ("s" if tens == 8 else "")
    return f"{base}{' et un' if ones == 1 and tens != 8 else '-' + UNITS['fr'][ones]}"


def in_pairs(rng: random.Random, text: str, lang: str) -> list[str]:
    """Return digits said in pairs, "oh seven" where a pair begins with zero."""
    out = []
    for at in range(0, len(text) - 1, 2):
        two = text[at : at + 2]
        out.append(pair(int(two), lang) if two[0] != "0" else " ".join(spoken(rng, two, lang)))
    return out + ([UNITS[lang][int(text[-1])]] if len(text) % 2 else [])


def say_groups(rng: random.Random, pan: str, lang: str = "en") -> str:
    """Return a card number in words, group by group."""
    return rng.choice([", ", " ", "... ", ". "]).join(
        rng.choice([" ", "-", " ", ", "]).join(spoken(rng, group, lang)) for group in groups(pan)
    )


# --- with card data ----------------------------------------------------------------------------------------------------


@kind
def written_groups(call: Call) -> None:
    call.give(call.any(" ", "-", "").join(groups(call.pan())))


@kind
def written_rare_issuers(call: Call) -> None:
    call.give(call.any(" ", "-", "").join(groups(call.pan(ISSUERS))))


@kind
def written_odd_separators(call: Call) -> None:
    call.give(call.any(".", "/", "_", " - ", ", ", "\u00a0", "\u2009", "\n", " · ", "–").join(groups(call.pan())))


@kind
def written_digit_by_digit(call: Call) -> None:
    call.give(call.any(" ", ", ", "-", ". ").join(call.pan()))


@kind
def foreign_digits(call: Call) -> None:
    zero = call.any(0xFF10, 0x0660, 0x06F0, 0x0966, 0x1D7CE)
    call.give(" ".join("".join(chr(zero + int(d)) for d in group) for group in groups(call.pan())))


@kind
def hidden_marks(call: Call) -> None:
    mark = call.any("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad")
    call.give(mark.join(call.pan()) if call.any(True, False) else f"{mark} ".join(groups(call.pan())))


@kind
def marked_up(call: Call) -> None:
    pan = call.pan()
    said = call.any(
        "<b>" + "</b> <b>".join(groups(pan)) + "</b>",
        "**" + "** **".join(groups(pan)) + "**",
        "<say-as interpret-as='digits'>" + pan + "</say-as>",
        "&nbsp;".join(groups(pan)),
        "`" + " ".join(groups(pan)) + "`",
        "<break time='200ms'/>".join(groups(pan)),
        "%20".join(groups(pan)),
    )
    call.give(said)


@kind
def json_like(call: Call) -> None:
    pan = call.pan()
    call.turn("agent").say('{"payment": {"card_number": "').say(pan, "pan").say('", "currency": "EUR"}}')


@kind
def glued_to_words(call: Call) -> None:
    call.turn("caller").say(call.any("visa", "card", "number:", "nr.", "#")).say(call.pan(), "pan").say(
        call.any("", " ok")
    )


@kind
def spoken_digits(call: Call) -> None:
    call.lang = call.any("en", "es", "fr", "de")
    call.give(say_groups(call.rng, call.pan(), call.lang))


@kind
def spoken_pairs(call: Call) -> None:
    call.lang = call.any("en", "es", "fr", "de")
    pan = call.pan([issuer for issuer in EASY if issuer[1] == 16])
    call.give(call.any(" ", ", ").join(in_pairs(call.rng, pan, call.lang)))


@kind
def spoken_doubles(call: Call) -> None:
    pan = call.pan()
    words, at = [], 0
    while at < len(pan):
        run = 1
        while at + run < len(pan) and pan[at + run] == pan[at] and run < 3:
            run += 1
        name = UNITS["en"][int(pan[at])]
        if run == 1:
            words.append(name)
        else:
            many = name + ("es" if name == "six" else "s")
            words.append(call.any(f"{('double', 'triple')[run - 2]} {name}", f"{('two', 'three')[run - 2]} {many}"))
        at += run
    call.give(" ".join(words))


@kind
def spoken_hundreds(call: Call) -> None:
    pan = call.pan([issuer for issuer in EASY if issuer[1] == 16])
    said = []
    for group in groups(pan):
        if group[2:] == "00" and group[0] != "0" and group[1] != "0":
            said.append(f"{pair(int(group[:2]), 'en')} hundred")
        elif group[1:] == "000" and group[0] != "0":
            said.append(f"{UNITS['en'][int(group[0])]} thousand")
        else:
            said.append(" ".join(in_pairs(call.rng, group, "en")))
    call.give(", ".join(said))


@kind
def mixed_words_and_figures(call: Call) -> None:
    said = [group if call.any(True, False) else " ".join(spoken(call.rng, group)) for group in groups(call.pan())]
    call.give(", ".join(said))


@kind
def mixed_languages(call: Call) -> None:
    said = [" ".join(spoken(call.rng, group, call.any("en", "es", "fr", "de"))) for group in groups(call.pan())]
    call.give(", ".join(said))


@kind
def fillers(call: Call) -> None:
    call.lang = call.any("en", "es", "fr", "de")
    wait = {
        "en": [" um ", ", uh, ", " hang on, ", " then ", ", let me see, ", ", just a second, ", " and then ", " dash "],
        "es": [" eh ", ", a ver, ", " luego ", ", un momento, ", " y después ", " guion "],
        "fr": [" euh ", ", alors, ", " puis ", ", attendez, ", ", un instant, ", " tiret "],
        "de": [" ähm ", ", dann ", ", Moment, ", " und ", " Strich ", ", eine Sekunde, "],
    }
    said = ""
    for at, group in enumerate(groups(call.pan())):
        said += (call.of(wait) if at else "") + (
            group if call.rng.random() < 0.3 else " ".join(spoken(call.rng, group, call.lang))
        )
    call.give(said.replace(" hang on,", " hold on,"))


@kind
def ordinals(call: Call) -> None:
    first, *rest = groups(call.pan([issuer for issuer in EASY if issuer[1] == 16]))
    said = f"first four are {first}, next four {rest[0]}, then {rest[1]}, and the last four are {rest[2]}"
    turn = call.turn("caller").say("the ").say("first four are ").say(said[len("first four are ") :], "pan")
    turn.say(call.of(TAILS))


@kind
def corrections(call: Call) -> None:
    call.lang = call.any("en", "es", "fr", "de")
    sorry = {
        "en": ["no sorry, ", "wait, no, ", "I mean ", "sorry, ", "correction, "],
        "es": ["no, perdón, ", "digo, ", "perdone, "],
        "fr": ["non pardon, ", "pardon, ", "plutôt "],
        "de": ["nein, Entschuldigung, ", "Moment, nein, ", "halt, "],
    }
    parts = groups(call.pan())
    at = call.rng.randrange(1, len(parts))
    wrong = digits(call.rng, len(parts[at]))
    parts[at] = f"{wrong}, {call.of(sorry)}{parts[at]}"
    call.give(" ".join(parts) if call.any(True, False) else ", ".join(parts))


@kind
def homophones(call: Call) -> None:
    sounds = {"2": ["to", "too"], "4": ["for"], "1": ["won"], "8": ["ate"], "0": ["oh"], "9": ["niner"]}
    words = [UNITS["en"][int(digit)] for digit in call.pan()]
    for at in range(1, len(words) - 1):
        digit = str(UNITS["en"].index(words[at]))
        if digit in sounds and call.rng.random() < 0.35:
            words[at] = call.rng.choice(sounds[digit])
    call.turn("agent", call.of(ASKS))
    call.turn("caller").say(" ".join(words), "pan")


@kind
def over_turns(call: Call) -> None:
    call.lang = call.any("en", "es", "fr", "de")
    call.turn("agent", call.of(ASKS))
    for group in groups(call.pan()):
        said = group if call.rng.random() < 0.4 else " ".join(spoken(call.rng, group, call.lang))
        call.turn("caller").say(said, "pan")
        if call.rng.random() < 0.6:
            call.turn("agent", call.any("okay", "mhm", "go on", "got it", "and then?"))


@kind
def over_turns_unasked(call: Call) -> None:
    pan = call.pan([issuer for issuer in EASY if issuer[1] == 16])
    at = call.any(8, 10, 12)
    call.turn("caller").say("I want to pay, it's ").say(" ".join(groups(pan[:at])), "pan")
    call.turn("agent", call.any("mhm", "yes?", "go on"))
    call.turn("caller").say(" ".join(groups(pan[at:])), "pan").say(call.of(TAILS))


@kind
def digit_a_turn(call: Call) -> None:
    call.turn("agent", call.of(ASKS))
    for digit in call.pan():
        call.turn("caller").say(call.any(digit, UNITS["en"][int(digit)]), "pan")


@kind
def read_back(call: Call) -> None:
    pan = call.pan()
    call.give(" ".join(groups(pan)))
    said = call.any(" ".join(groups(pan)), say_groups(call.rng, pan), " ".join(in_pairs(call.rng, pan, "en")))
    call.turn("agent").say("So that was ").say(said, "pan").say(call.any(", correct?", ", right?", "."))


@kind
def read_back_in_part(call: Call) -> None:
    pan = call.pan([issuer for issuer in EASY if issuer[1] == 16])
    call.give(" ".join(groups(pan)))
    at = call.any(2, 4, 6)
    call.turn("agent").say("Did you say ").say(" ".join(spoken(call.rng, pan[at : at + 8])), "pan").say(
        " in the middle?"
    )


@kind
def echo_by_group(call: Call) -> None:
    call.turn("agent", call.of(ASKS))
    for group in groups(call.pan()):
        call.turn("caller").say(" ".join(spoken(call.rng, group)), "pan")
        call.turn("agent").say(group, "pan").say(call.any(", okay", ", yes", ", go on"))


@kind
def misheard(call: Call) -> None:
    call.turn("agent", call.of(ASKS))
    pan = digits(call.rng, 16, "45")
    call.pans.append(pan)
    call.turn("caller").say(call.any("it's ", "sure, ", "")).say(
        call.any(" ".join(groups(pan)), say_groups(call.rng, pan)), "pan"
    )


@kind
def agent_reads_first(call: Call) -> None:
    call.turn("agent").say("We have ").say(" ".join(groups(call.pan())), "pan").say(" on file for you.")
    call.turn("caller", "Yes, that's the one.")


@kind
def two_cards(call: Call) -> None:
    turn = call.turn("caller").say("either ").say(" ".join(groups(call.pan())), "pan").say(" or the other one, ")
    turn.say(" ".join(groups(call.pan())), "pan").say(call.of(TAILS))


@kind
def beside_other_numbers(call: Call) -> None:
    call.turn("caller").say(
        call.any("I have 2 rooms on May 5 at 10:30, card ", "for table 12, ", "order 7731 please, on ")
    ).say(" ".join(groups(call.pan())), "pan").say(call.any("", " for 3 people", " and it was 45.90"))


@kind
def in_a_long_turn(call: Call) -> None:
    talk = "well you know we moved house last spring and since then nothing has worked as it should, "
    call.turn("caller").say(talk * call.any(1, 2, 3)).say(" ".join(groups(call.pan())), "pan").say(", " + talk)


@kind
def code_asked(call: Call) -> None:
    call.lang = call.any("en", "es", "fr", "de")
    ask = {
        "en": ["And the three digits on the back?", "What's the CVV?", "Could you read me the security code?",
               "I also need the CVC, please.", "What is the verification number on the signature strip?"],
        "es": ["¿Y el código de seguridad?", "¿Me dice los tres dígitos del reverso?", "¿Cuál es el CVV?"],
        "fr": ["Et le cryptogramme ?", "Quels sont les trois chiffres au dos ?", "Le code de sécurité, s'il vous plaît ?"],
        "de": ["Und die Prüfnummer?", "Wie lautet der Sicherheitscode?", "Nennen Sie mir die drei Ziffern auf der Rückseite."],
    }  # fmt: skip
    code = digits(call.rng, call.any(3, 3, 3, 4))
    said = call.any(
        code, " ".join(spoken(call.rng, code, call.lang)), " ".join(code), ", ".join(spoken(call.rng, code, call.lang))
    )
    call.turn("agent", call.of(ask))
    call.turn("caller").say(call.any("", "", "it's " if call.lang == "en" else "")).say(said, "cvv").say(
        call.any("", ".")
    )
    call.sad.append({"kind": "cvv", "digits": code, "turn": 1})


@kind
def code_told(call: Call) -> None:
    code = digits(call.rng, 3, "123456789")
    said = call.any(
        code,
        " ".join(spoken(call.rng, code)),
        f"{UNITS['en'][int(code[0])]} {' '.join(in_pairs(call.rng, code[1:], 'en'))}",
    )
    turn = call.turn("caller").say(
        call.any("the security code is ", "CVV ", "cvc: ", "and on the back it says security code ")
    )
    turn.say(said, "cvv").say(call.any("", ", okay?"))
    call.sad.append({"kind": "cvv", "digits": code, "turn": 0})


@kind
def code_told_first(call: Call) -> None:
    code = digits(call.rng, 3)
    call.turn("caller").say(call.any(code, " ".join(spoken(call.rng, code))), "cvv").say(
        call.any(" is the security code", " is my CVV")
    )
    call.sad.append({"kind": "cvv", "digits": code, "turn": 0})


@kind
def code_read_back(call: Call) -> None:
    code = digits(call.rng, 3)
    call.turn("agent", "What is the security code?")
    call.turn("caller").say(" ".join(spoken(call.rng, code)), "cvv")
    call.turn("agent").say("Thank you, I have ").say(call.any(code, " ".join(code)), "cvv").say(".")
    call.sad += [{"kind": "cvv", "digits": code, "turn": turn} for turn in (1, 2)]


@kind
def all_at_once(call: Call) -> None:
    pan, code = call.pan([issuer for issuer in EASY if issuer[1] == 16]), digits(call.rng, 3)
    date = f"{call.rng.randrange(1, 13):02d}/{call.rng.randrange(27, 33)}"
    turn = (
        call.turn("caller")
        .say(" ".join(groups(pan)), "pan")
        .say(call.any(", ", ", expires ", " exp "))
        .say(date, "expiry")
    )
    turn.say(call.any(", ", ", cvv ", " and the code is ", ", security code ")).say(code, "cvv")
    call.sad.append({"kind": "expiry", "text": date, "turn": 0})
    call.sad.append({"kind": "cvv", "digits": code, "turn": 0})


@kind
def expiry_asked(call: Call) -> None:
    call.lang = call.any("en", "es", "fr", "de")
    ask = {
        "en": [
            "And when does it expire?",
            "What's the expiry date?",
            "Valid until?",
            "And the expiration, month and year?",
        ],
        "es": ["¿Cuándo caduca?", "¿La fecha de vencimiento?"],
        "fr": ["Quelle est la date d'expiration ?", "Elle expire quand ?"],
        "de": ["Wann läuft sie ab?", "Bis wann ist sie gültig?", "Und das Ablaufdatum?"],
    }
    call.give(" ".join(groups(call.pan())))
    month, year = call.rng.randrange(1, 13), call.rng.randrange(27, 34)
    text = call.any(
        f"{month:02d}/{year}", f"{month:02d} {year}", f"{month}/20{year}", f"{MONTHS[call.lang][month - 1]} 20{year}",
        f"{MONTHS[call.lang][month - 1]} {pair(year, call.lang)}", " ".join(spoken(call.rng, f"{month:02d}{year}", call.lang)),
    )  # fmt: skip
    call.turn("agent", call.of(ask))
    call.turn("caller").say(call.any("", "")).say(text, "expiry").say(call.any("", "."))
    call.sad.append({"kind": "expiry", "text": text, "turn": 2})


@kind
def expiry_told(call: Call) -> None:
    month, year = call.rng.randrange(1, 13), call.rng.randrange(27, 34)
    text = call.any(f"{month:02d}/{year}", f"{month:02d}-{year}", f"{MONTHS['en'][month - 1]} 20{year}",
                    f"{MONTHS['en'][month - 1]} twenty {pair(year, 'en')}")  # fmt: skip
    turn = call.turn("caller").say("card is ").say(" ".join(groups(call.pan())), "pan")
    turn.say(call.any(", good through ", ", valid until ", " and it expires in ", ", expiry date ")).say(text, "expiry")
    call.sad.append({"kind": "expiry", "text": text, "turn": 0})


# --- without -----------------------------------------------------------------------------------------------------------


@plain
def chat(call: Call) -> None:
    lines = [
        "I won two tickets for the show, one for me and one for my sister.", "It's one of those days, you know.",
        "We ate too much, so for once I'd rather walk to the station.", "Oh, I see. No, nothing for now, thanks.",
        "Es uno de los dos, no sé cuál, pero una vez más lo digo.", "J'ai un ou deux petits problèmes avec mon contrat.",
        "Ich hätte gern einen Termin, am besten um drei oder vier Uhr.", "Ein Moment, ich hole nur eine Jacke.",
        "First of all, is the pool open to guests? My two kids love it.", "Let me double check that with one colleague.",
        "Can I bring my dog? He is six and weighs about nine kilos.", "It took three hours and four phone calls!",
    ]  # fmt: skip
    for _ in range(call.rng.randrange(1, 5)):
        call.turn(call.any("caller", "agent"), call.rng.choice(lines))


@plain
def phone(call: Call) -> None:
    number = call.any(f"+{digits(call.rng, 11)}", f"0{digits(call.rng, 10)}", digits(call.rng, 10, "23456789"))
    said = call.any(
        number, " ".join(spoken(call.rng, number.lstrip("+"), oh=0)), f"{number[:3]}-{number[3:6]}-{number[6:]}"
    )
    call.turn(
        "caller",
        call.any("my phone number is ", "you can call me on ", "reach me at this mobile: ", "text me at ") + said,
    )


@plain
def phone_asked(call: Call) -> None:
    call.lang = call.any("en", "es", "fr", "de")
    ask = {
        "en": ["What's a good phone number for you?", "Which number can we call you back on?"],
        "es": ["¿Cuál es su teléfono?"],
        "fr": ["À quel numéro peut-on vous rappeler ?"],
        "de": ["Unter welcher Telefonnummer erreichen wir Sie?"],
    }
    number = digits(call.rng, call.any(9, 10, 11))
    call.turn("agent", call.of(ask))
    call.turn("caller", call.any(number, " ".join(spoken(call.rng, number, call.lang, oh=0)), " ".join(number)))


@plain
def order(call: Call) -> None:
    number = digits(call.rng, call.any(6, 8, 10, 12, 14, 16))
    call.turn(
        "caller",
        call.any("my order number is ", "about booking ", "the invoice says ", "reference ", "customer number ")
        + number,
    )


@plain
def order_asked(call: Call) -> None:
    number = digits(call.rng, call.any(5, 7, 8, 9, 10, 12))
    call.turn("agent", call.any("Could you give me the order number?", "What is your booking reference?"))
    call.turn("caller", call.any(number, "sure, " + number, " ".join(spoken(call.rng, number, oh=0))))
    call.turn("agent", "Thank you, one moment.")


@plain
def tracking(call: Call) -> None:
    number = call.any(
        digits(call.rng, 22, "9"), digits(call.rng, 20), "JD" + digits(call.rng, 18), "1Z" + digits(call.rng, 16)
    )
    call.turn("caller", call.any("the tracking number is ", "my parcel is ", "shipment ") + number)


@plain
def iban(call: Call) -> None:
    number = (
        call.any("GB", "DE", "ES", "FR", "NL")
        + digits(call.rng, 2)
        + call.any("", "ABNA", "NWBK")
        + digits(call.rng, 18)
    )
    spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    call.turn("caller", call.any("my IBAN is ", "send it to ", "transfer to ") + call.any(number, spaced))


@plain
def imei(call: Call) -> None:
    body = "35" + digits(call.rng, 12)
    number = next(body + str(check) for check in range(10) if passes_luhn(body + str(check)))
    call.turn("caller", call.any("the IMEI is ", "IMEI: ", "my device's IMEI reads ") + number)


@plain
def dates_and_times(call: Call) -> None:
    year = call.rng.randrange(1940, 2027)
    date = f"{call.rng.randrange(1, 13):02d}/{call.rng.randrange(1, 29):02d}/{year}"
    call.turn("caller", call.any(
        f"I was born on {date}", f"it was {year}-05-17 at 10:30", f"since {pair(year // 100, 'en')} {pair(max(year % 100, 10), 'en')}",
        "at twenty past seven on the fourth of March", f"from 9:15 to 17:45 on {date}",
    ))  # fmt: skip


@plain
def amounts(call: Call) -> None:
    call.turn("agent", "Which card did you use?")
    price = f"{call.rng.randrange(1, 2000)}.{call.rng.randrange(100):02d}"
    call.turn(
        "caller",
        call.any(
            f"I was charged ${price}", f"it was {price} euros", f"the total was £{price}", "about two hundred dollars"
        ),
    )


@plain
def last_digits(call: Call) -> None:
    last = digits(call.rng, 4)
    call.turn("agent", call.any("What are the last four digits of your card?", "Which card is it?"))
    call.turn(
        "caller",
        call.any("the one ending in ", "it ends with ", "last four ", "the last four are ")
        + call.any(last, " ".join(spoken(call.rng, last))),
    )


@plain
def codes(call: Call) -> None:
    code = digits(call.rng, 6)
    call.turn("caller", call.any(f"ticket {code}", f"flight LH{code[:4]}", f"seat {code[:2]}C", f"my postcode is {code[:5]}",
                                 f"room {code[:3]}", f"serial AB-{code}-X", f"version 3.{code[0]}.{code[1]}"))  # fmt: skip


@plain
def account(call: Call) -> None:
    call.turn("agent", call.any("What's the account number?", "And the sort code and account number?"))
    call.turn(
        "caller",
        call.any(
            digits(call.rng, 8),
            f"sort code {'-'.join(digits(call.rng, 2) for _ in range(3))}, account {digits(call.rng, 8)}",
        ),
    )


@plain
def failing_reference(call: Call) -> None:
    number = digits(call.rng, 16, "45")
    call.turn(
        "caller",
        call.any("the ticket is ", "my membership number, ", "case number ", "contract ")
        + call.any(number, " ".join(groups(number))),
    )


@plain
def bare_numbers(call: Call) -> None:
    call.turn("agent", call.any("How many are you?", "Which room are you in?", "How old is the boiler?"))
    call.turn(
        "caller", call.any("4", "room 412", "we are two", "12 years", "in 2016", "number 27", "one hundred and five")
    )


def cut(rng: random.Random, text: str) -> list[str]:
    """Return a text as it may stream in: by words, by characters, whole, or anywhere."""
    how = rng.randrange(4)
    if how == 0:
        return [text]
    if how == 1:
        return list(text)
    if how == 2:
        words = text.split(" ")
        return [word if at == 0 else " " + word for at, word in enumerate(words)]
    out = []
    while text:
        size = rng.randrange(1, 9)
        out.append(text[:size])
        text = text[size:]
    return out


def cases(number: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield so many calls, each category in turn."""
    names = sorted(MAKERS)
    for at in range(number):
        name = names[at % len(names)]
        rng = random.Random(f"{seed}/{at}/{name}")
        call = Call(rng)
        MAKERS[name](call)
        yield {
            "id": f"{seed}-{at:05d}",
            "category": name,
            "lang": call.lang,
            "turns": [
                {"role": turn.role, "text": turn.text, "deltas": cut(rng, turn.text), "spans": turn.spans}
                for turn in call.turns
            ],
            "must_redact": name not in NEGATIVE,
            "pans": call.pans,
            "sad": call.sad,
        }
