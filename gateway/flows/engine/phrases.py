"""Words of the engine's own, for what designers need not write: yes and no, reading back, the keypad.

English and Spanish; another language gets the English ones, and lint says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """One language's words. ``{value}`` and ``{name}`` are filled in."""

    is_right: str
    """Asks whether a value was understood."""
    yes_no_keys: str
    use_keypad: str
    ask_slot: str
    suggest: str
    one_moment: str
    fault: str
    too_long: str
    yes: tuple[str, ...]
    no: tuple[str, ...]


_ENGLISH: Final = Phrases(
    is_right="I have {value}. Is that right?",
    yes_no_keys="Press 1 for yes, 2 for no.",
    use_keypad="You can also use your keypad.",
    ask_slot="What is your {name}?",
    suggest="Is it {value}?",
    one_moment="One moment, please.",
    fault="I'm sorry, something went wrong on our side. Please call again later. Goodbye.",
    too_long="I'm sorry, we have to end the call here. Please call again. Goodbye.",
    yes=("yes", "yes please", "yeah", "yep", "correct", "that's right", "that is right", "right", "sure", "ok", "okay"),
    no=("no", "nope", "no thanks", "no thank you", "wrong", "that's wrong", "not right", "incorrect"),
)
_SPANISH: Final = Phrases(
    is_right="He entendido {value}. ¿Es correcto?",
    yes_no_keys="Pulse 1 para sí, 2 para no.",
    use_keypad="También puede usar el teclado.",
    ask_slot="Dígame su {name}, por favor.",
    suggest="¿Es {value}?",
    one_moment="Un momento, por favor.",
    fault="Lo siento, algo ha fallado por nuestra parte. Llame más tarde, por favor. Adiós.",
    too_long="Lo siento, tenemos que terminar aquí la llamada. Vuelva a llamar, por favor. Adiós.",
    yes=("sí", "si", "sí claro", "claro", "correcto", "eso es", "así es", "vale", "exacto", "de acuerdo"),
    no=("no", "no gracias", "incorrecto", "no es correcto", "para nada"),
)
_BY_LANGUAGE: Final = {"en": _ENGLISH, "es": _SPANISH}


def phrases(language: str) -> Phrases:
    """Return the words for a BCP 47 tag; the English ones where there are no others."""
    return _BY_LANGUAGE.get(language.partition("-")[0].lower(), _ENGLISH)
