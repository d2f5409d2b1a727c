"""One turn as it streams: text goes through at once, digits wait until it is known what they are.

Held back are: a number that is being said, with the words and marks in it, until an ordinary word or the turn's end
decides it; and a word until it is over. Any cutting of a turn into deltas gives the same text in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from gateway.lexicon import cues
from gateway.lexicon.cues import Cue
from gateway.lexicon.spoken import NumberWord, Part, Surety, fold
from gateway.privacy.attention import AFTER_CARD_WORDS, CUE_WORDS, Attention
from gateway.privacy.elements import CORRECTION, PAUSE, PLAIN, START, TIGHT, Atom, Joint, ascii_digits
from gateway.privacy.judge import HELD_DIGITS, Case, Hit, Verdict, judge
from gateway.privacy.memory import Memory, Mood, Role
from gateway.privacy.outlet import Outlet
from gateway.privacy.pan import MAX_DIGITS, MIN_DIGITS
from gateway.privacy.patterns import Pattern, digit_hits
from gateway.privacy.run import Carry, Run, joint_of
from gateway.privacy.tokens import (
    MARK_STARTS,
    MARKS,
    MAX_KNOWN_CHARS,
    MAX_TAG_DIGITS,
    MAX_WORD_CHARS,
    PLAIN_WORD,
    SENTENCE_ENDS,
    SPACED,
    SURE_NUMBER,
    TOKEN,
    UNFINISHED,
    WORD,
    gap_kind,
    look_up,
    may_matter,
)

MAX_HELD_CHARS: Final = 160
"""The most that is held back of a number with what is said in it; then it is decided."""
MAX_RUN_CHARS: Final = 138
"""So far a number may go on with one more word; the word itself is the rest of :data:`MAX_HELD_CHARS`."""
MAX_GAP_CHARS: Final = 32
"""Marks and spaces between two digits of one number; more part two numbers."""
TAIL_WORDS: Final = 12
"""So many words may stand between the pieces of one number."""

_PRONOUN: Final = NumberWord(Part.UNIT, 1, Surety.ARTICLE)
_LEAD_CHARS: Final = 8
_NOTHING, _WORD, _NUMBER, _DIGITS, _CODE, _LONG = range(6)


class TurnStream:
    """One open turn.

    Args:
        role: whose turn it is.
        memory: the call's.
        on_hit: told of every stretch that is masked, and when its first digit was said.
        talk: it is part of the talk, so that moods count and are raised; else a text by itself.
        patterns: those of the operator's that are made of digits only.

    """

    def __init__(
        self,
        role: Role,
        memory: Memory,
        on_hit: Callable[[Hit, int], None],
        *,
        talk: bool = True,
        patterns: Sequence[Pattern] = (),
    ) -> None:
        self._role: Role = role
        self._memory = memory
        self._on_hit = on_hit
        self._talk = talk
        self._patterns = patterns
        self._attention = Attention(role, memory, talk=talk)
        self.outlet = Outlet()
        self._audio_ms = 0
        self._lexed = 0
        """Up to this place the text has been read."""
        self._head = ""
        """The start of a word that has left already."""
        self._between = ""
        """What was written since the last token, as far as it was not looked at."""
        self._joint: Joint = START
        """What else was said since the last digit."""
        self._touching = _NOTHING
        """What stands right before, with nothing between."""
        self._letters_before = ""
        self._fillers = 0
        self._run: Run | None = None
        """The number that is being said."""
        self._tail = memory.tails.pop(role, "") if talk else ""
        """The last digits that were let go undecided, of this turn or, with no words since, of the one before."""
        self._tail_words = 0
        self.last_digit_ms: int | None = None
        """When the last digit was said of a number that is not decided; None if there is none."""

    def __repr__(self) -> str:
        return f"TurnStream({self._role}, {self.outlet})"

    def adopt(self, carry: Carry) -> None:
        """Take over what the role's turn before left undecided; only before the first feed."""
        self.outlet.take_over(carry.text, carry.pieces)
        self._run = Run(carry.atoms, carry.since_ms)
        self._run.shift(-len(carry.text))
        self._attention.alone, self._tail = carry.alone, carry.tail
        self.last_digit_ms = carry.since_ms
        self._joint = PAUSE

    def feed(self, delta: str, audio_ms: int) -> str:
        """Return what may leave now."""
        if audio_ms > self._audio_ms:  # noqa: PLR1730 - max() takes twice as long, at every delta
            self._audio_ms = audio_ms
        outlet = self.outlet
        text = outlet.text = outlet.text + delta
        if delta.isalnum() and len(text) + outlet.start - self._lexed < MAX_KNOWN_CHARS:
            return ""  # in the middle of a word: whatever it is, it is not over
        self._read(final=False)
        return outlet.released() if outlet.free > outlet.start else ""

    def end(self, turn_id: str, audio_ms: int, *, may_carry: bool) -> tuple[str, Carry | None]:
        """Return the rest, decided, and what of it waits for the role's next turn if ``may_carry``."""
        self._audio_ms = max(self._audio_ms, audio_ms)
        self._read(final=True)
        if self._run:
            verdict = self._judge(self._run, "", None, closed=True, ended=may_carry)
            if verdict.undecided:
                carry = self._carry(self._run, turn_id)
                return self.outlet.released(), carry
            self._settle(verdict)
        self._attention.turn_ended(self._audio_ms)
        if self._talk and self._tail and not self._tail_words:
            self._memory.tails[self._role] = self._tail
        self.outlet.free = self._lexed
        return self.outlet.released(), None

    def pause(self, *, mask: bool) -> str:
        """Return what is free after a silence: the number that was being said is decided, or masked if ``mask``."""
        if self._run:
            verdict = self._judge(self._run, "", None, closed=True, ended=True)
            if verdict.undecided:
                if not mask:
                    return ""
                verdict = Verdict([Hit(self._run.start, self._run.end, "pan")])
                self._memory.turn_to(Mood.CARD, self._audio_ms)
            self._settle(verdict)
            self.outlet.free = self._lexed
        return self.outlet.released()

    def give_up(self, *, mask: bool) -> None:
        """Let go of a number that was taken over and that nothing followed; it is in the outlet's ``late``."""
        if self._run is not None:
            self._settle(Verdict([Hit(self._run.start, self._run.end, "pan")] if mask else []))
        self.outlet.free = 0
        self.outlet.released()

    def _carry(self, run: Run, turn_id: str) -> Carry:
        """Hand over the number that is being said, with its text."""
        held, pieces = self.outlet.cut_off(run.start, turn_id)
        self._run = None
        atoms = run.shift(-run.start)
        return Carry(pieces, self._role, held, atoms, self._audio_ms, self._attention.alone, self._tail)

    # --- reading ---------------------------------------------------------------------------------------------------

    def _read(self, *, final: bool) -> None:
        """Take the whole tokens that have come; with ``final`` the last one is whole, too."""
        outlet, match = self.outlet, TOKEN.match
        text, start = outlet.text, outlet.start
        at, size = self._lexed - start, len(text)
        while at < size:
            if size - at <= MAX_KNOWN_CHARS and not final and text[at:].isalpha():
                break  # the start of a word; only short ends are looked at, so that a long text is not read twice
            token = match(text, at)
            assert token is not None
            end, kind = token.end(), token.lastindex or 0
            if kind <= SPACED:
                if end == size and kind != SPACED and not final and (kind == WORD or end - at <= MAX_DIGITS):
                    break
                word, digits, marks, _, _ = token.groups()
                if word:
                    self._letters(word, start + at, start + at + len(word))
                else:
                    self._digits(digits, start + at, start + at + len(digits))
                if marks:
                    self._touching = _NOTHING
                    self._between += marks
            elif text[at] in MARK_STARTS and not final and UNFINISHED.match(text, at):
                break
            elif kind == MARKS:
                self._gap(token[0])
            elif sum(map(str.isdigit, token[0])) <= MAX_TAG_DIGITS:
                self._gap(" ")
            else:
                end = at + 1
                self._gap(text[at])
            at = end
        self._lexed = start + at
        if final and self._head:
            self._word_over()
        if at < size and size - at > MAX_KNOWN_CHARS:
            self._hurry(text[at:])
        run = self._run
        outlet.free = self._lexed if run is None else max(outlet.free, run.held_from())

    def _hurry(self, partial: str) -> None:
        """Wait no longer for a word that has grown too long for any that matters; its start may leave."""
        head = self._head + partial
        if not partial[0].isalpha() or may_matter(head):
            return
        if self._between:
            self._look_between()
        self._part_from_letters()
        if self._run:
            self._end_number("", None)
        self._head = head[: MAX_WORD_CHARS + 1]
        self._lexed += len(partial)

    def _gap(self, gap: str) -> None:
        """Take what stands between two tokens; it may come in pieces, and is looked at when the next token comes."""
        if self._head:
            self._word_over()
        self._touching = _NOTHING
        self._between += gap
        if len(self._between) > MAX_GAP_CHARS:
            if self._run:
                self._close("", None, closed=True)
            self._look_between()
            self._between = self._between[-_LEAD_CHARS:]

    def _look_between(self) -> None:
        """Take in what the marks between two tokens say."""
        joint, ends_sentence = gap_kind(self._between)
        self._joint = max(self._joint, joint)
        if ends_sentence:
            self._attention.sentence_ended()

    def _letters(self, written: str, start: int, end: int) -> None:
        """Take a word."""
        word, number, sort = look_up(written)
        run, glued = self._run, self._touching
        if sort == PLAIN_WORD and run is None and glued == _NOTHING and not self._head:
            self._letters_before = written
            self._plain_word(word)
            return
        if self._between == " ":
            if self._joint < PLAIN:  # noqa: PLR1730 - max() takes twice as long, at every word
                self._joint = PLAIN
        elif self._between:
            self._look_between()
        if self._head:
            self._head = (self._head + written)[: MAX_WORD_CHARS + 1]
            self._word_over()
            return
        self._letters_before = written
        if run is not None and start - run.atoms[0].start > MAX_RUN_CHARS:
            self._make_room(start)
        self._touching = _WORD
        if number is not None and glued != _CODE and (sort == SURE_NUMBER or self._is_number(word, number)):
            if word == "one" and self._attention.words and self._attention.words[-1] in cues.BEFORE_PRONOUNS:
                number = _PRONOUN
            self._atom(
                Atom(number.readings, start, end, self._joint, False, self._between, word, number, number.surety)
            )
            self._touching = _NUMBER
        elif glued in {_DIGITS, _CODE}:
            self._glued(word, glued)
        elif word in cues.MONTHS and self._attention.dated(self._audio_ms):
            self._atom(Atom((f"{cues.MONTHS[word]:02d}",), start, end, self._joint, True, self._between, word))
        elif self._run is None or not self._goes_on(self._run, word):
            self._ordinary(word)

    def _plain_word(self, word: str) -> None:
        """Take a word that says nothing of numbers, while none is being said: nearly all words of a talk."""
        if not SENTENCE_ENDS.isdisjoint(self._between):
            self._attention.sentence_ended()
        self._attention.plain(word)
        if self._patterns:
            self._memory.words.append(word)
        if self._tail:
            self._age_tail()
        self._touching, self._joint, self._between = _WORD, START, ""

    def _word_over(self) -> None:
        """Take a word whose start has left already: it is no number."""
        word, self._head = self._head, ""
        self._letters_before = word
        self._touching = _WORD
        self._ordinary(fold(word) if len(word) <= MAX_WORD_CHARS else "")

    def _is_number(self, word: str, number: NumberWord) -> bool:
        """Whether a number word belongs to a number here; one that only sounds like it needs a number before it."""
        if number.part is Part.TIMES:
            return self._run is not None and self._run.atoms[-1].what is not None and self._joint <= PLAIN
        if word == "dos" and self._attention.words and self._attention.words[-1] == "au":
            return False  # French for the back of a card, not Spanish for two
        return number.surety is not Surety.SOUND or self._run is not None

    def _glued(self, word: str, glued: int) -> None:
        """Take letters that are written in one with digits before them: "4th", "10k", "12b" are no numbers."""
        self._touching = glued
        self._part_from_letters()
        self._ordinary(word)

    def _part_from_letters(self) -> None:
        """Take digits back that letters follow with nothing between; a whole card number stays one."""
        if self._touching == _DIGITS and self._run is not None and self._run.length() < MIN_DIGITS:
            self._take_back(self._run)
            self._touching = _CODE
        elif self._touching == _DIGITS:
            self._touching = _WORD

    def _goes_on(self, run: Run, word: str) -> bool:
        """Take a word that does not end the number that is being said; return whether it is one."""
        if not run.may_go_on(self._fillers):
            return False
        joint = joint_of(word, corrected=self._joint is CORRECTION)
        if joint is None:
            return False
        if word in cues.WAITS and run.ends_in_one() and self._joint <= PLAIN:
            self._take_back(run)  # in "one moment" it is no digit
            if self._run is None:
                return False
        self._fillers += 1
        self._joint, self._between = max(self._joint, joint), ""
        self._attention.note(word)
        return True

    def _take_back(self, run: Run) -> None:
        """Take the last word or group of digits back: it was no number."""
        self._joint = run.atoms.pop().joint
        if not run.atoms:
            self._run, self.last_digit_ms = None, None

    def _digits(self, written: str, start: int, end: int) -> None:
        """Take written digits; more than a card number has, or in one with a code's letters, are no number here."""
        if self._head:
            self._word_over()
        if self._between:
            self._look_between()
        if self._run and start - self._run.start > MAX_RUN_CHARS:
            self._make_room(start)
        glued = self._touching
        if glued == _LONG:
            return
        length = end - start
        self._touching = _DIGITS
        if length > MAX_DIGITS:
            self._touching = _LONG
            self._ordinary("")
        elif glued in {_WORD, _CODE} and (self._code_like() or (glued == _CODE and length < MIN_DIGITS)):
            self._touching = _CODE
            self._ordinary("")
            self._attention.code_ago = 0
        else:
            if glued == _CODE:
                self._attention.code_ago = CUE_WORDS  # too long for the rest of a code
            digits = (written if written.isascii() else ascii_digits(written),)
            self._atom(Atom(digits, start, end, self._joint, True, self._between))

    def _code_like(self) -> bool:
        """Whether the letters right before a group of digits are those of a code ("QX", "DE"), not of a word."""
        return self._letters_before.isupper() and fold(self._letters_before) not in cues.CUE_TRIGGERS

    def _atom(self, atom: Atom) -> None:
        """Take a number word or a group of digits into the number that is being said."""
        attention, run = self._attention, self._run
        words = attention.words
        if words and words[-1] in cues.ORDINALS and self._joint is not TIGHT:
            # Right after "the next": it may say how many digits follow.
            atom.counted = atom.what is not None or len(atom.digits) <= 2
        if run is None:
            before = words[-1] if words else ""
            flows = not self._patterns and not self._tail and attention.foreign(self._audio_ms)
            atom.joint = START
            self._run = Run([atom], self._audio_ms, self._between[-_LEAD_CHARS:], before, flows)
        else:
            run.atoms.append(atom)
        self._fillers = 0
        self._joint, self._between = TIGHT, ""
        self.last_digit_ms = self._audio_ms

    def _ordinary(self, word: str) -> None:
        """Take a word that ends any number; it may be a cue for the next one, or for the one it ends."""
        attention = self._attention
        cue = attention.cue_of(word) if word in cues.CUE_TRIGGERS else None
        if self._run is not None:
            self._end_number(word, Cue.CVV if word in cues.SECURITY_WORDS else cue)
        attention.ordinary(word, cue, self._audio_ms)
        if self._patterns:
            self._memory.words.append(word)
        if self._tail and word not in cues.FILLERS and word not in cues.CORRECTIONS:
            self._age_tail()
        self._joint, self._between = START, ""

    def _age_tail(self) -> None:
        """Forget the last digits that were let go once enough has been said since."""
        self._tail_words += 1
        if self._tail_words > TAIL_WORDS:
            self._tail = ""

    # --- deciding --------------------------------------------------------------------------------------------------

    def _make_room(self, at: int) -> None:
        """Decide the front of a number that has been held for long."""
        while (run := self._run) is not None and at - run.start > MAX_RUN_CHARS:
            verdict = self._judge(run, "", None, closed=False, ended=False)
            if not verdict.hits and not run.flows:
                length = run.length()
                if length > MAX_DIGITS:
                    run.drop_front()
                    continue
                if length >= HELD_DIGITS:
                    # Too long on the way to tell what it is: fail closed, and take what follows for the rest of it.
                    verdict = Verdict([Hit(run.start, run.end, "pan", certain=False)])
                    if self._talk:
                        self._memory.turn_to(Mood.CARD, self._audio_ms)
            self._settle(verdict)

    def _end_number(self, word: str, cue: Cue | None) -> None:
        """Decide the number that was being said: a word came that is no part of it."""
        self._close(word, cue, closed=self._joint is PAUSE)
        self._attention.number_ended()

    def _close(self, next_word: str, next_cue: Cue | None, *, closed: bool) -> None:
        if self._run is not None:
            self._settle(self._judge(self._run, next_word, next_cue, closed=closed, ended=False))

    def _judge(self, run: Run, next_word: str, next_cue: Cue | None, *, closed: bool, ended: bool) -> Verdict:
        attention = self._attention
        case = Case(
            role=self._role,
            mood=attention.mood(self._audio_ms),
            at_ms=self._audio_ms,
            cue=attention.cue,
            cue_ago=attention.cue_ago,
            before_word=run.before,
            next_word=next_word,
            next_cue=next_cue,
            closed=closed,
            ended=ended,
            alone=attention.alone,
            lead=run.lead,
            after_code=attention.code_ago <= 1,
            open_front=run.open_front,
            after_card=attention.card_ago <= AFTER_CARD_WORDS,
            talk=self._talk,
            tail=self._tail,
            broken=self._tail_words > 0,
            corrected=self._joint is CORRECTION,
        )
        verdict = judge(run.atoms, case, self._memory)
        if self._patterns and not verdict.hits:
            hits = digit_hits(run.atoms, self._patterns, self._memory.words)
            if hits:
                return Verdict(hits)
        return verdict

    def _settle(self, verdict: Verdict) -> None:
        """Take over what was decided; the number is over."""
        run, self._run = self._run, None
        if run is not None and verdict.hits:
            left = run.held_from() if run.flows else run.start
            for hit in verdict.hits:
                hit.start = max(hit.start, left)  # what stands before may have left
                if hit.start < hit.end:
                    self.outlet.mask(hit)
                    self._on_hit(hit, run.since_ms)
                if hit.kind == "pan":
                    self._attention.card_ago = 0
        self._tail, self._tail_words = verdict.digits[-MAX_DIGITS:], 0
        self._attention.spent = True
        self._joint = max(self._joint, PLAIN)
        self.last_digit_ms = None
