"""Scripted tests of flows: read, performed without a telephone, checked, and counted; and random walks."""
