"""What cannot be done to an account or a group."""


class AccountError(ValueError):
    """What was asked cannot be done; the text says why, in a sentence for whoever asked."""

    @property
    def sentence(self) -> str:
        """The text as a page shows it, with a capital letter and a full stop."""
        text = str(self)
        return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
