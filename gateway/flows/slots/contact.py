"""How people can be reached, and what they are called: phone numbers, postcodes, mail addresses, names."""

from __future__ import annotations

import re
from typing import Final

from gateway.flows.model import SlotType
from gateway.flows.slots.figures import digits_of
from gateway.flows.slots.reading import UNREADABLE, Reading, plain_words, refused, strip_fillers
from gateway.flows.slots.spelling import spelled, with_marks
from gateway.flows.words import words

_POSTCODES: Final = {
    "GB": re.compile(r"(?:GIR ?0AA|[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]?) ?\d[ABD-HJLNP-UW-Z]{2}"),
    "ES": re.compile(r"(?:0[1-9]|[1-4]\d|5[0-2])\d{3}"),
    "DE": re.compile(r"\d{5}"),
    "FR": re.compile(r"\d{5}"),
    "IT": re.compile(r"\d{5}"),
    "US": re.compile(r"\d{5}(?:-?\d{4})?"),
    "MX": re.compile(r"\d{5}"),
    "PT": re.compile(r"\d{4}-?\d{3}"),
    "NL": re.compile(r"[1-9]\d{3} ?[A-Z]{2}"),
    "IE": re.compile(r"(?:[AC-FHKNPRTV-Y]\d{2}|D6W) ?[0-9AC-FHKNPRTV-Y]{4}"),
    "CA": re.compile(r"[A-Z]\d[A-Z] ?\d[A-Z]\d"),
}
_MAIL: Final = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*\.[a-z]{2,}")
_LEADS: Final = {
    "en": re.compile(
        r"^(?:it's|it is|this is|my name is|my full name is|the name is|i am|i'm|name is)\s+", re.IGNORECASE
    ),
    "es": re.compile(r"^(?:soy|me llamo|mi nombre es|es|habla)\s+", re.IGNORECASE),
}
_SMALL: Final = frozenset(["de", "del", "la", "las", "los", "van", "von", "der", "den", "y", "da", "do", "dos", "di"])


def read_phone(kind: SlotType, text: str, language: str) -> Reading:
    """Read a phone number that was said or written."""
    said = strip_fillers(plain_words(text), words(language))
    plus = bool(re.match(r"\s*(?:\+|plus |mas |más )", said))
    said = re.sub(r"^\s*(?:\+|plus |mas |más )", "", said)
    found = digits_of(said, language)
    return UNREADABLE if found is None else check_phone(kind, ("+" if plus else "") + found)


def check_phone(kind: SlotType, number: str) -> Reading:
    """Check a phone number; the value is in E.164. ``00`` in front means ``+``."""
    import phonenumbers

    number = "+" + number[2:] if number.startswith("00") else number
    try:
        parsed = phonenumbers.parse(number, kind.region or None)
    except phonenumbers.NumberParseException:
        return UNREADABLE
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    if possible in (phonenumbers.ValidationResult.TOO_SHORT, phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return refused("too_short")
    if possible == phonenumbers.ValidationResult.TOO_LONG:
        return refused("too_long")
    if not phonenumbers.is_valid_number(parsed):
        return refused("unknown")
    return Reading(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def say_phone(value: object, language: str) -> str:
    """Read a phone number back as its country groups it."""
    import phonenumbers

    from gateway.lexicon.numbers import languages, spell_digits

    tongue = language if language.partition("-")[0] in languages() else "en"
    try:
        parsed = phonenumbers.parse(str(value), None)
    except phonenumbers.NumberParseException:
        return spell_digits(str(value), tongue)
    home = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    groups = [group for group in re.split(r"\D+", home) if group]
    return ", ".join(spell_digits(group, tongue, telephone=True) for group in groups)


def read_postcode(kind: SlotType, text: str, language: str) -> Reading:
    """Read a postcode, spelled or written."""
    compact = re.sub(r"[ ,\-]", "", text).upper()
    if compact.isascii() and compact.isalnum() and any(mark.isdigit() for mark in compact) and len(compact) <= 10:
        return check_postcode(kind, compact)
    found = digits_of(text, language) or spelled(strip_fillers(plain_words(text), words(language)), language)
    return UNREADABLE if not found else check_postcode(kind, found)


def check_postcode(kind: SlotType, text: str) -> Reading:
    """Check a postcode against its country's form; British ones get their space."""
    text = re.sub(r"[ \-]", "", text).upper()
    pattern = _POSTCODES.get(kind.region)
    if pattern is None:
        return Reading(text) if re.fullmatch(r"[A-Z0-9]{3,10}", text) else UNREADABLE
    if not pattern.fullmatch(text):
        return refused("pattern")
    return Reading(f"{text[:-3]} {text[-3:]}" if kind.region == "GB" else text)


def read_email(text: str, language: str) -> Reading:
    """Read a mail address: "john dot smith at example dot com"."""
    said = with_marks(
        re.sub(r"^(?:it's|it is|my email is|es|mi correo es)\s+", "", text.strip(), flags=re.IGNORECASE), language
    )
    return Reading(said) if len(said) <= 254 and _MAIL.fullmatch(said) and ".." not in said else UNREADABLE


def say_email(value: object, language: str) -> str:
    """Read a mail address back, its marks by name."""
    known = words(language)
    names = {mark: name for name, mark in reversed(list(known.spoken_marks.items()))}
    return re.sub(r"[^\w]|_", lambda found: f" {names.get(found[0], found[0])} ", str(value)).strip()


def read_name(kind: SlotType, text: str, language: str) -> Reading:
    """Read a name: what leads up to it goes, capitals come."""
    said = " ".join(re.sub(r"[^\w\s'\u2019.\-]", " ", text).split()).strip(". ")
    own = "es" if language.lower().startswith("es") else "en"
    said = _LEADS[own].sub("", said)
    if not said or any(mark.isdigit() for mark in said) or not any(mark.isalpha() for mark in said):
        return UNREADABLE
    if len(said) > (kind.max_length or 80):
        return refused("too_long")
    if len(said) < (kind.min_length or 2):
        return refused("too_short")
    parts = said.split()
    return Reading(" ".join(_capital(part, first=not at) for at, part in enumerate(parts)))


def _capital(part: str, *, first: bool) -> str:
    if part.lower() in _SMALL and not first:
        return part.lower()
    return (
        part
        if any(mark.isupper() for mark in part[1:]) and not part.isupper()
        else "-".join(piece[:1].upper() + piece[1:].lower() for piece in part.split("-"))
    )
