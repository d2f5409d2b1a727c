"""The embedded Realtime server: the GA protocol with local ears, brain and voice, in a process of its own."""
