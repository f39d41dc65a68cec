"""The four people of every test, each with a part.

Alice moderates (and books), Bob takes part, Carol is called, Mallory was not
invited: every edge has a test in which Mallory is refused.
"""

from __future__ import annotations

from conferences import policy

#: The domain of every URI in tests that need no server.
DOMAIN = "conf.test"


def address(username: str, domain: str = DOMAIN) -> str:
    """The address of record of `username`."""
    return f"sip:{username}@{domain}"


ALICE = policy.Identity(uri=address("alice"), display_name="Alice", organizer=True)
BOB = policy.Identity(uri=address("bob"), display_name="Bob")
CAROL = policy.Identity(uri=address("carol"), display_name="Carol")
MALLORY = policy.Identity(uri=address("mallory"), display_name="Mallory")

EVERYBODY = (ALICE, BOB, CAROL, MALLORY)
