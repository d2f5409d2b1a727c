"""Measure Spanish hearing: ``python -m tests.speech.spanish``. Exits 1 below 85 % of phrases, 85 % of digits or 90 %
of unexpected speech rejected."""

from __future__ import annotations

import sys

import numpy as np

from gateway.speech.ears import Ears
from gateway.speech.hearing import Expectation
from gateway.speech.voice import Voice
from tests.speech.line import RATE_HZ, over_the_line

VOICES = ("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse", "+m4", "+f3")
MENUS = (
    ("saldo", "bloquear tarjeta", "hablar con un agente", "otra consulta"),
    ("reservar mesa", "horario", "dirección", "cancelar la reserva"),
    ("pedir cita", "cambiar la cita", "resultados", "urgencias", "facturas"),
)
FRAMES = ("{}", "quiero {} por favor", "pues mira {}", "necesito {}")
UNEXPECTED = (
    "los niños juegan al fútbol en la calle",
    "mi vecina tiene tres gatos y un loro",
    "cuándo llega el autobús",
    "hoy hace muy buen tiempo",
    "espera un momento que llaman a la puerta",
)
DIGITS = ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve")


def measure(seed: int = 7) -> dict[str, tuple[int, int]]:
    """Return right answers and trials by category."""
    random, voice, ears = np.random.default_rng(seed), Voice(), Ears()
    found: dict[str, list[bool]] = {"phrases": [], "single digits": [], "rejected": []}

    def hear(text: str, expectation: Expectation) -> tuple[str | None, str | None, bool]:
        speaker = VOICES[int(random.integers(len(VOICES)))]
        spoken = voice.speak(
            text, language="es", voice=speaker, rate_hz=RATE_HZ, speed=float(random.uniform(0.85, 1.15))
        )
        line = over_the_line(
            spoken.pcm, random, gain_db=float(random.uniform(-10, 3)), noise_dbfs=float(random.uniform(-62, -47))
        )
        heard = ears.recognise(line, RATE_HZ, expectation)
        return heard.phrase, heard.digits, heard.rejected

    for _ in range(3):
        for menu in MENUS:
            for phrase in menu:
                text = FRAMES[int(random.integers(len(FRAMES)))].format(phrase)
                found["phrases"].append(hear(text, Expectation(language="es", phrases=menu))[0] == phrase)
            for text in UNEXPECTED:
                found["rejected"].append(hear(text, Expectation(language="es", phrases=menu))[2])
        for digit, word in enumerate(DIGITS):
            found["single digits"].append(hear(word, Expectation(language="es", digits=(1,)))[1] == str(digit))
    return {name: (sum(right), len(right)) for name, right in found.items()}


def main() -> int:
    """Measure, print, and return the exit status."""
    bars = {"phrases": 0.85, "single digits": 0.85, "rejected": 0.90}
    found = measure()
    for name, (right, trials) in found.items():
        print(f"{name:<16}{trials:>5}{right / trials:>8.1%}   bar {bars[name]:.0%}")
    return int(any(right / trials < bars[name] for name, (right, trials) in found.items()))


if __name__ == "__main__":
    sys.exit(main())
