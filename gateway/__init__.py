"""A telephony voice gateway: phone calls on one bank, a Realtime speech-to-speech model on the other."""

__version__ = "0.1.0"
