"""Plain speech services on the Realtime endpoints: speech to text and text to speech, for programs and not for calls.

It holds no HTTP: the doors are in ``gateway/web/speech_api``. Endpoints, transcribers, prices and redaction are those
of the settings, as for calls.
"""
