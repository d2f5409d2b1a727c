"""One file per carrier: its media stream as a sans-IO core, its documents and its REST requests as data."""
