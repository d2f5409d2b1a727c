"""The engine: it owns a call's place in its flow. Events in, commands out, time as an argument; no I/O."""
