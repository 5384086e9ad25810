"""Why somebody was not signed in."""


class RefusalError(Exception):
    """A sign-in that did not work.

    Attributes:
        status: The HTTP status that says so.
        sentence: What the visitor is told.
        reason: What the logs are told; it holds no token and no secret.
        user: Name of the user, once it is known.
    """

    def __init__(self, status: int, sentence: str, reason: str, user: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.sentence = sentence
        self.reason = reason
        self.user = user
