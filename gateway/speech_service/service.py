"""The speech service of one gateway: one endpoint, its voices, and a bound on how much is done at once."""

from __future__ import annotations

import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from gateway.clock import Clock
from gateway.errors import ConfigurationError
from gateway.privacy.custom import CustomRedaction
from gateway.privacy.patterns import load_patterns
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.schema import Settings
from gateway.settings.voices import built_in_voices, language_in, read_voices
from gateway.settings.wording import nearest
from gateway.speech_service.answers import Info, Reading, VoiceInfo
from gateway.speech_service.endpoint import SpeechEndpoint
from gateway.speech_service.passages import passages, readable
from gateway.speech_service.problems import Problem
from gateway.speech_service.recognition import OnDelta, Recognition, Redaction
from gateway.speech_service.synthesis import Synthesis

READINGS_KEPT: Final = 500
"""Reports of streamed readings that can still be asked for."""
AUDIO_FORMAT: Final = "audio/pcm;rate=24000"


class SpeechService:
    """Speech to text and text to speech.

    Args:
        settings: checked settings.
        clock: times sessions.
        reach: fills the address of the embedded local server into an endpoint's settings.
        custom: the operator's own redactor.

    Raises:
        ConfigurationError: ``speech_api.endpoint`` is no endpoint.

    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        reach: Callable[[EndpointSettings], EndpointSettings] = lambda endpoint: endpoint,
        custom: CustomRedaction | None = None,
    ) -> None:
        self.settings = settings.speech_api
        self._clock = clock
        self._reach = reach
        self._prices = settings.prices
        self._redaction = Redaction(patterns=load_patterns(settings.privacy.patterns), custom=custom)
        name = settings.speech_api.endpoint or settings.endpoint
        assert name is not None, "loaded settings name their default endpoint"
        if name not in settings.endpoints:
            raise ConfigurationError(
                f"speech_api.endpoint: {name!r} is not an endpoint{nearest(name, settings.endpoints)}"
            )
        self.endpoint_name = name
        self.endpoint_settings = settings.endpoints[name]
        self._opened: SpeechEndpoint | None = None
        self._busy = 0
        self._readings: OrderedDict[str, Synthesis] = OrderedDict()

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places for requests.

        Raises:
            Problem: all are taken.

        """
        if self._busy >= self.settings.requests:
            raise Problem(429, "busy", f"{self._busy} speech requests are being served", "try again in a few seconds")
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    def recognition(
        self, *, language: str | None = None, keywords: Sequence[str] = (), on_delta: OnDelta | None = None
    ) -> Recognition:
        """Return a recognition that is about to connect; close it in any case.

        Raises:
            Problem: the endpoint writes nothing down.

        """
        endpoint = self._endpoint()
        return Recognition(
            endpoint,
            self.settings,
            self._clock,
            redaction=self._redaction,
            price=self._prices.transcriber_price_of(endpoint.transcriber),
            language=language,
            keywords=keywords,
            on_delta=on_delta,
        )

    def synthesis(self, text: str, *, voice: str | None = None, language: str | None = None) -> Synthesis:
        """Return a reading of a text, not yet opened; close it in any case.

        Raises:
            Problem: there is nothing to read, too much of it, or no such voice.

        """
        if len(text) > self.settings.text_characters:
            raise Problem(
                413,
                "text_too_long",
                f"the text has {len(text)} characters; at most {self.settings.text_characters} are read",
                "send it in parts, or raise speech_api.text_characters",
            )
        clean = readable(text)
        if not clean:
            raise Problem(400, "nothing_to_read", "the text has no word that can be said", "send at least one word")
        endpoint = self._endpoint()
        return Synthesis(
            endpoint,
            passages(clean),
            redaction=self._redaction,
            price=self._prices.price_of(self.endpoint_settings.model, self.endpoint_settings.deployment),
            voice=None if voice is None else self._voice(voice),
            language=language or (language_in(voice) if voice else None),
            answer_within_ms=self.settings.answer_within_ms,
        )

    def keep(self, synthesis: Synthesis) -> str:
        """Return the id under which :meth:`reading` tells of a streamed reading."""
        reading_id = secrets.token_urlsafe(16)
        self._readings[reading_id] = synthesis
        while len(self._readings) > READINGS_KEPT:
            self._readings.popitem(last=False)
        return reading_id

    def reading(self, reading_id: str) -> Reading:
        """Return how a streamed reading went.

        Raises:
            Problem: it is not known, or not any more.

        """
        synthesis = self._readings.get(reading_id)
        if synthesis is None:
            raise Problem(
                404,
                "unknown_reading",
                "there is no such reading",
                f"ask soon after the stream has ended; the last {READINGS_KEPT} are kept",
            )
        return synthesis.report()

    def info(self) -> Info:
        """Return what there is."""
        table, there = read_voices(), self._voices()
        features = ["synthesis", "streaming_synthesis"]
        transcription = self.endpoint_settings.transcription
        if transcription is not None:
            features = ["recognition", "streaming_recognition", "speaker_per_channel", *features]
        speaks_for = {alias: table.voice_for(alias, there) for alias in table.aliases}
        return Info(
            service="twobanks speech",
            model=self.endpoint_settings.model or self.endpoint_settings.deployment,
            transcriber=None if transcription is None else transcription.model,
            features=features,
            voices=[VoiceInfo(name=voice, gender=table.gender_of(voice)) for voice in there],
            aliases={alias: voice for alias, voice in speaks_for.items() if voice is not None},
            audio_format=AUDIO_FORMAT,
        )

    async def close(self) -> None:
        """Open no more sessions."""
        if self._opened is not None:
            await self._opened.close()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _endpoint(self) -> SpeechEndpoint:
        """Return the endpoint; made when it is first needed, because the local server has no address before."""
        if self._opened is None:
            self._opened = SpeechEndpoint(
                self.endpoint_name,
                self._reach(self.endpoint_settings),
                clock=self._clock,
                transcription_sessions=self.settings.transcription_sessions,
            )
        return self._opened

    def _voices(self) -> list[str]:
        """Return the voices that are known of the endpoint, its own one among them."""
        if self.endpoint_settings.type == "local":
            from gateway.speech.voice import Voice  # only the local server needs it

            known = list(Voice().voices())
        else:
            known = built_in_voices(self.endpoint_settings)
        own = self.endpoint_settings.voice
        return known if own is None or own in known else [*known, own]

    def _voice(self, name: str) -> str:
        there = self._voices()
        if not there or (name.startswith("voice_") and self.endpoint_settings.type != "local"):
            return name  # nothing is known of its voices, or it is one of the account's own: the endpoint judges
        voice = read_voices().voice_for(name, there)
        if voice is None:
            raise Problem(
                400,
                "unknown_voice",
                f"{name[:80]!r} is no voice here; there are: {', '.join(there)}",
                "take one of these, or one of the aliases that GET /api/speech-realtime/info lists",
            )
        return voice
