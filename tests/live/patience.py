"""How long tests wait."""

PATIENCE = 30.0
"""Seconds that a test waits for what is about to happen: no promise, but so long that
whatever has not happened by then never will, on however busy a machine."""
