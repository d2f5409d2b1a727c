"""Scripted tests of flows, and random walks."""
