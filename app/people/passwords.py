"""Passwords: which are good enough, and their argon2id hashes."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from app.people.errors import AccountError

MINIMUM_LENGTH = 12
MAXIMUM_LENGTH = 1024
NONE = "!"
"""Stands for a hash where an account has no password: no password matches it."""
_hasher = PasswordHasher()  # argon2id, with the library's current parameters


def hashed(password: str) -> str:
    """Hash a new password.

    Raises:
        AccountError: If it is not good enough; the text says why.
    """
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise AccountError(
            f"a password has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters, "
            f"this one has {len(password)}"
        )
    return _hasher.hash(password)


def matches(password: str, known: str | None) -> bool:
    """Whether a password is the hashed one; takes as long where there is no hash.

    Args:
        password: What somebody typed.
        known: The account's hash, or None where there is no account.
    """
    try:
        return _hasher.verify(_nobody() if known in (None, NONE) else known, password)
    except (InvalidHashError, VerifyMismatchError):
        return False


def fresh(password: str, known: str) -> str:
    """The hash of a password that matched, made anew if it was made with other parameters."""
    return _hasher.hash(password) if _hasher.check_needs_rehash(known) else known


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")
