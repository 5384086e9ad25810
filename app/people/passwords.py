"""Passwords: which are good enough, and their argon2id hashes."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from zxcvbn import zxcvbn

from app.people.errors import AccountError

MINIMUM_LENGTH = 12
MAXIMUM_LENGTH = 1024
_STRENGTH = 3  # of zxcvbn's 0 to 4: more than 10^8 guesses
_JUDGED_LENGTH = 20  # zxcvbn tries every combination of substitutions, such as @ for a: seconds
_NAME_LENGTH = 4  # a shorter name is in many a random password by chance
NONE = "$argon2id$v=19$m=65536,t=3,p=4$c2l0ZS1oYXMtbm9uZQ$" + "A" * 43
"""Stands for a hash where an account has no password: no password matches it.

It is well formed, for releases that verify whatever they find.
"""
_hasher = PasswordHasher()  # argon2id, with the library's current parameters


def hashed(password: str, name: str) -> str:
    """Hash a new password.

    Args:
        password: The password.
        name: Name of its user.

    Raises:
        AccountError: If it is not good enough; the text says why.
    """
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise AccountError(
            f"a password has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters, "
            f"this one has {len(password)}"
        )
    if len(name) >= _NAME_LENGTH and name.casefold() in password.casefold():
        raise AccountError("a password must not contain the user's name")
    judged = zxcvbn(password[:_JUDGED_LENGTH], [name])
    if judged["score"] < _STRENGTH:
        told = judged["feedback"]
        reasons = " ".join(filter(None, (told["warning"], *told["suggestions"])))
        raise AccountError(f"this password is too easy to guess. {reasons}")
    return _hasher.hash(password)


def matches(password: str, known: str | None) -> bool:
    """Whether a password is the hashed one; takes as long where there is no hash.

    Args:
        password: What somebody typed.
        known: The account's hash, or None where there is no account.
    """
    nobody = _nobody()
    try:
        return _hasher.verify(nobody if known in (None, NONE) else known, password)
    except (InvalidHashError, VerifyMismatchError):
        return False


def fresh(password: str, known: str) -> str:
    """The hash of a password that matched, made anew if it was made with other parameters."""
    return _hasher.hash(password) if _hasher.check_needs_rehash(known) else known


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")
