"""What cannot be done to an account or a group."""


class AccountError(ValueError):
    """What was asked cannot be done; the text says why, in a sentence for whoever asked."""
