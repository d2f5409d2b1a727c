"""Find ``gateway/speech/telephone_band.npz`` anew: ``python -m tests.speech.adapt [--utterances-per-voice N]``.

Local voices other than those of the measurements read sentences and digits; each utterance is kept twice, wide-band
and over the telephone line. The wide-band one is aligned with its text and moved into the acoustic model's space; a
network then learns to give those cepstra from the telephone's filters, heard through vocal tracts of many lengths.
Takes about half an hour of one core.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gateway.audio.resample import resample
from gateway.lexicon.numbers import spell_digits
from gateway.speech import features
from gateway.speech.espeak import shared_engine
from gateway.speech.features import Array, centred, in_context, log_energies, samples_8k
from tests.speech.alignment import Aligner, Gaussians, affine_fit, at_16k, wide_cepstra, wide_energies
from tests.speech.line import over_the_line
from tests.speech.network import Network, RightPhone, towards

VARIANTS = [
    "Andrea",
    "Andy",
    "Mike",
    "Michael",
    "Denis",
    "Diogo",
    "Gene",
    "Gene2",
    "Mario",
    "Nguyen",
    "Reed",
    "RicishayMax",
    "announcer",
    "antonio",
    "aunty",
    "benjamin",
    "ed",
    "edward",
    "f5",
    "grandpa",
    "ian",
    "iven2",
    "john",
    "kaukovalta",
    "m5",
    "m8",
    "marcelo",
    "michel",
    "mike2",
    "norbert",
    "pablo",
    "paul",
    "quincy",
    "rob",
    "sandro",
    "shelby",
    "travis",
    "victor",
    "zac",
    "Hugo",
]
"""None of the voices of ``tests.speech.corpus``."""

SENTENCES = """\
the gray goose flew over both houses
my uncle bought a huge yellow bicycle
please join us for lunch at noon on thursday
the judge gave them three weeks to pay
she measured the garage with a short rope
young children enjoy playing in the fresh snow
we usually watch the news before supper
he put five coins in the blue jar
the nurse brought a cup of warm ginger tea
nobody answered the phone in the back office
could you check whether my order has shipped
i would rather speak with a person
that card does not work at the cash machine
change the address on my account
thank you for calling and have a good day
what is the cost of sending a small box to france
your appointment is on the first of july
push the door hard because it sticks
a thick fog covered the northern valley
both brothers joined the navy last year
the chef chopped garlic and fried the fish
oil the hinge so that it moves with ease
few visitors ever found the hidden beach
raise your voice or nobody will hear you
it was a pleasure to finally meet you
this zipper is broken and the boot leaks
view the whole harbor from the tower
watch out for the loose stone on the path
they chose yellow curtains for the bathroom
an orange and two pears fell off the shelf
would you like the window or the aisle
the engine makes a strange grinding noise
george shouted at the referee again
how much do i owe on my bill this month
i lost my wallet on the way to the airport
turn left at the church and go up the hill
a loud thud woke the sleeping puppy
never leave the oven on when you go out
the toy ship sank in the shallow pool
each team must choose a captain by friday
yes that is right
no i do not want that
maybe another time
go back to the beginning
monday or wednesday would be fine
large coffee with oat milk and sugar
the museum opens at nine and closes at six
he caught a cold while hiking in october
give the gold ring to the girl with curly hair
our cousin studies law and physics
zebras graze beside the wide brown river
the vague answer made her suspicious
pull the rug away from the fire
most of the bread was gone by four
do not forget your umbrella and your gloves
the shy boy hid behind the big oak
cheap shoes wear out sooner than good ones
which version of the file is the latest
the azure sky faded to violet
stop at the bakery and buy six rolls""".splitlines()

_QUIET_HISS = 20.0
_WARPS = (0.84, 1.18)


@dataclass
class Utterance:
    """Something said, as log energies of both bands; the telephone's also through other vocal tracts."""

    text: str
    wide: Array
    telephone: list[Array]


def spoken(count: int, random: np.random.Generator) -> list[Utterance]:
    """Let every variant say ``count`` things: sentences and strings of digits by turns."""
    engine = shared_engine()
    said: list[Utterance] = []
    for variant in VARIANTS:
        for number in range(count):
            if number % 2:
                digits = "".join(str(digit) for digit in random.integers(0, 10, random.integers(1, 11)))
                text = spell_digits(digits, "en", telephone=bool(random.random() < 0.4))
            else:
                text = SENTENCES[random.integers(len(SENTENCES))]
            raw = engine.speak(
                text,
                voice=f"en-us+{variant}",
                rate=round(175 * random.uniform(0.82, 1.2)),
                pitch=int(random.integers(30, 75)),
                inflection=50,
            )
            said.append(_both_bands(text, raw.pcm, raw.rate_hz, random))
    return said


def _both_bands(text: str, pcm: bytes, rate_hz: int, random: np.random.Generator) -> Utterance:
    before_ms, after_ms = int(random.integers(10, 40)) * 10, int(random.integers(20, 60)) * 10
    level = 3276.8 / max(float(np.sqrt(np.square(at_16k(pcm, rate_hz)).mean() * 1.5)), 1.0)
    wide = np.concatenate([np.zeros(before_ms * 16), at_16k(pcm, rate_hz) * level, np.zeros(after_ms * 16)])
    wide += random.normal(0, _QUIET_HISS, wide.size)
    narrow = np.clip(np.frombuffer(resample(pcm, rate_hz, 8000), "<i2") * level, -32000, 32000).astype("<i2").tobytes()
    line = over_the_line(
        narrow,
        random,
        gain_db=float(random.uniform(-10, 3)),
        noise_dbfs=float(random.uniform(-65, -45)),
        before_ms=before_ms,
        after_ms=after_ms,
    )
    heard = samples_8k(line, 8000)
    telephone = [log_energies(heard, warp) for warp in (1.0, *random.uniform(*_WARPS, 2))]
    energies = wide_energies(wide)
    frames = min(len(energies), len(telephone[0]))
    return Utterance(text, energies[:frames], [version[:frames] for version in telephone])


def find(count: int, seed: int = 77) -> dict[str, Any]:
    """Return the arrays of the adaptation."""
    random = np.random.default_rng(seed)
    gaussians = Gaussians()
    said = spoken(count, random)
    print(f"{len(said)} utterances", flush=True)
    channel = np.mean([utterance.telephone[0].mean(axis=0) for utterance in said], axis=0)
    wide_channel = np.mean([utterance.wide.mean(axis=0) for utterance in said], axis=0)
    wide = [wide_cepstra(utterance.wide, wide_channel) for utterance in said]

    matrix, offset = np.eye(wide[0].shape[1]), np.zeros(wide[0].shape[1])
    for every in (6, 6, 1):  # a few utterances are enough to find the map by which all are aligned
        aligner = Aligner(gaussians)
        phones = [
            aligner.align(utterance.text, cepstra @ matrix + offset) if index % every == 0 else None
            for index, (utterance, cepstra) in enumerate(zip(said, wide, strict=True))
        ]
        known = [(cepstra, aligned) for cepstra, aligned in zip(wide, phones, strict=True) if aligned is not None]
        matrix, offset = affine_fit(known, gaussians)
        print(f"{len(known)} aligned", flush=True)

    frames, targets, labels = [], [], []
    for utterance, cepstra, aligned in zip(said, wide, phones, strict=True):
        if aligned is not None:
            for version in utterance.telephone:
                frames.append(in_context(centred(version, channel)).astype("f4"))
                targets.append(((cepstra @ matrix + offset) / gaussians.spread).astype("f4"))
                labels.append(aligned)
    inputs, wanted, right = np.concatenate(frames), np.concatenate(targets), np.concatenate(labels)
    del frames, targets, labels
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    inputs = (inputs - mean) / spread

    network = Network(inputs.shape[1], 256, wanted.shape[1], random)
    network.learn(inputs, towards(wanted), passes=3, rate=1e-3, random=random)
    slope = RightPhone(gaussians, right, wanted, scale=0.3, pull=0.2)
    network.learn(inputs, slope, passes=3, rate=7e-4, random=random)
    print(f"{slope.accuracy:.1%} of frames right on average while learning", flush=True)

    (hidden, hidden_bias), (output, output_bias) = network.layers
    return {
        "channel": channel.astype("f4"),
        "hidden": (hidden / spread[:, None]).astype("f2"),
        "hidden_bias": (hidden_bias - (mean / spread) @ hidden).astype("f4"),
        "output": (output * gaussians.spread).astype("f2"),
        "output_bias": (output_bias * gaussians.spread).astype("f4"),
    }


def main() -> None:
    """Find the adaptation and write it where the package keeps it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances-per-voice", type=int, default=44)
    parser.add_argument("--to", type=Path, default=Path(features.__file__).with_name("telephone_band.npz"))
    options = parser.parse_args()
    np.savez_compressed(options.to, **find(options.utterances_per_voice))


if __name__ == "__main__":
    main()
