"""The gauges: logs (``log``), messages on the wire for ``--trace-wire`` (``wire``), and counts (``counters``)."""
