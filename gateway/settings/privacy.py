"""What the settings say of privacy: how text is redacted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.settings.section import Section, Word

Check = Literal["none", "luhn", "mod97"]

_DigitCount = Annotated[int, Field(ge=3, le=34)]


class PatternSettings(Section):
    """Something else than card data that is masked wherever it is said or written: give ``digits`` or ``regex``."""

    name: Word
    """For logs and counts."""
    digits: _DigitCount | tuple[_DigitCount, _DigitCount] | None = None
    """So many digits in a row, or from so many to so many; spoken or written, with fillers and separators."""
    regex: str | None = Field(None, min_length=1, max_length=500)
    """An expression as RE2 knows it: no look-around, no back-references. Needs the extra ``patterns``."""
    longest: int = Field(32, ge=1, le=160)
    """With ``regex``: characters of the longest match; so many are held back from the live text."""
    check: Check = "none"
    """Check digits that a match must have: ``luhn`` (cards, IMEI), ``mod97`` (IBAN), ``none``."""
    words: list[str] = []
    """One of these must be said shortly before; empty: not needed."""
    mask: str = Field("[MASKED]", pattern=r"^\[[A-Z][A-Z _]{0,30}\]$")
    """What stands in its place: capital letters in square brackets."""

    @model_validator(mode="after")
    def _one_of_both(self) -> PatternSettings:
        if (self.digits is None) == (self.regex is None):
            raise ValueError("give either digits or regex")
        if isinstance(self.digits, tuple) and self.digits[0] > self.digits[1]:
            raise ValueError("digits: the first number is the smaller one")
        return self


class PrivacySettings(Section):
    """How text is redacted. Card data is masked always; this adds to it."""

    redactor: str | None = None
    """``package.module:callable`` that runs after ours and can only remove more; sync or async, called with the text,
    the role and the call's context."""
    redactor_limit_ms: int = Field(200, ge=10, le=5000)
    """Longest that ``redactor`` may take for one text; a late answer is not used, and the text is withheld."""
    patterns: list[PatternSettings] = []
    """What else is masked."""
