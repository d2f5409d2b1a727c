"""The speech API's doors: HTTP in front of ``gateway.speech_service``."""
