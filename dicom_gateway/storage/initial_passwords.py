"""Passwords that somebody else hands over: read aloud and typed once, then changed at the first log-in."""

import secrets

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look like another one
GROUPS, GROUP_LENGTH = 3, 4


def initial_password() -> str:
    """Return a new password, such as `k7dm-3wqp-x9rt`; 59 random bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
