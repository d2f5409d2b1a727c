"""What is said in the measurements of local hearing, and by whom.

``TUNING`` is what thresholds and the adaptation were set on; ``BARS`` is what is reported. They share no voice, no
menu, no carrier sentence and no unexpected sentence (digits are digits).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Corpus:
    """Voices, and what they say to which menu."""

    name: str
    voices: tuple[str, ...]
    menus: tuple[tuple[str, ...], ...]
    carriers: tuple[str, ...]
    unexpected: tuple[str, ...]


TUNING = Corpus(
    name="tuning",
    voices=tuple(
        f"en-us+{variant}"
        for variant in ["Alex", "adam", "m2", "miguel", "pedro", "steph", "Henrique", "Jacky", "david"]
    ),
    menus=(
        ("account balance", "recent transactions", "lost card", "speak to an agent"),
        ("billing", "technical support", "sales", "cancel my order", "store hours"),
        ("yes", "no", "repeat that", "go back"),
        ("monday", "tuesday", "wednesday", "thursday", "friday"),
        (
            "new appointment",
            "change my appointment",
            "cancel my appointment",
            "directions",
            "opening times",
            "leave a message",
        ),
        ("small", "medium", "large", "extra large"),
        ("chicken", "beef", "fish", "vegetarian", "no meat", "something else"),
        (
            "track a package",
            "report a problem",
            "return an item",
            "talk to someone",
            "main menu",
            "gift cards",
            "delivery times",
            "warranty",
        ),
    ),
    carriers=(
        "I would like {} please",
        "{} please",
        "um {}",
        "I want {}",
        "can you give me {}",
        "I am calling about {}",
        "could I have {} thank you",
        "{} I think",
        "it is {}",
    ),
    unexpected=(
        "the weather is lovely in the mountains today",
        "my dog ate the newspaper again",
        "what time does the train leave",
        "I have no idea what you are talking about",
        "hold on my phone is ringing",
        "please hurry up I am late for work",
        "she sells sea shells by the sea shore",
        "is there a restaurant near the river",
        "how old is the president",
        "purple elephants dance at midnight",
        "let me ask my husband first",
        "who won the game last night",
        "this is ridiculous",
        "can you tell me a joke",
        "where did I put my glasses",
        "good evening",
        "we went to the beach on holiday",
        "I do not understand the question",
        "my favourite colour is green",
        "turn the music down",
        "hello is anybody there",
        "the quick brown fox jumps over the lazy dog",
        "a cup of coffee with milk",
        "never mind",
        "wait a moment",
        "seriously",
        "potato",
        "hurricane season",
        "in the garden",
    ),
)

BARS = Corpus(
    name="bars",
    voices=(
        "alloy",
        "ash",
        "ballad",
        "cedar",
        "coral",
        "echo",
        "marin",
        "sage",
        "shimmer",
        "verse",
        "en-us+m4",
        "en-us+grandma",
        "en-us+belinda",
        "en-us+boris",
        "en-us+robert",
        "en-us+f3",
    ),
    menus=(
        ("balance", "payments", "open an account", "report fraud"),
        ("internet", "television", "mobile phone", "moving house", "something broken", "new customer"),
        ("yes please", "no thanks", "say it again", "operator"),
        ("january", "february", "march", "april", "july", "august", "september", "october", "november", "december"),
        ("book a table", "change a booking", "cancel a booking", "private events", "talk to the manager"),
        ("morning", "afternoon", "evening", "any time"),
        ("savings account", "checking account", "credit card", "mortgage", "insurance", "business banking"),
        ("order status", "refund", "size guide", "shipping costs", "damaged goods", "find a shop", "human being"),
        ("prescription refill", "test results", "nurse", "emergency", "new patient", "pharmacy hours"),
        ("english", "spanish", "french", "german", "other language"),
    ),
    carriers=(
        "I would like my {} please",
        "{} if possible",
        "well {} I guess",
        "I need {}",
        "I have a question about {}",
        "let us do {}",
        "hello {} please thanks",
        "I said {}",
    ),
    unexpected=(
        "the children are playing football outside",
        "my neighbour has three cats and a parrot",
        "when will the bus arrive",
        "that does not make any sense",
        "just a second somebody is at the door",
        "I am in a terrible hurry this week",
        "we should paint the kitchen blue",
        "do you know a good bakery around here",
        "why is the sky so dark",
        "seven hungry wolves crossed the frozen lake",
        "I have to talk to my wife about it",
        "did you watch the film on sunday",
        "this takes far too long",
        "sing me a song",
        "I cannot find my keys",
        "how do you do",
        "the flight was delayed by the storm",
        "what are you trying to say",
        "her sister lives on a farm",
        "could you speak louder",
        "are you a robot",
        "pack my box with five dozen liquor jugs",
        "two slices of bread with butter",
        "forget about it",
        "give me a minute",
        "unbelievable",
        "cucumber",
        "thunder and lightning",
        "under the bridge",
        "oh my goodness",
    ),
)
