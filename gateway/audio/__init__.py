"""Sound as bytes: formats, companding, resampling, framing, tones, levels, WAV. No I/O but WAV files, no calls."""
