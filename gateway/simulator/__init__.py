"""Callers on this machine that speak the carriers' wires to a running gateway, and know what they truly heard."""
