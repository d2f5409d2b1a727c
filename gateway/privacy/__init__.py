"""What may leave a call: card numbers are found (``pan``) and text becomes :class:`RedactedText` (``redactor``)."""
