"""The timer values of RFC 3261 table 4, in seconds."""

from __future__ import annotations

T1 = 0.5
"""Round-trip estimate."""
T2 = 4.0
"""Longest interval between retransmissions of a non-INVITE request."""
T4 = 5.0
"""Longest time a message stays in the network."""
GIVE_UP = 64 * T1
"""Timers B, F, H, J, L and M: when a transaction has had its time."""
TIMER_D = 32.0
"""How long an INVITE client transaction absorbs answers over UDP (> 32 s)."""
