"""Writing rows whose names are taken once."""

from sqlalchemy.exc import IntegrityError

from app.db import Base, session
from app.people.errors import AccountError


def insert(row: Base, taken: str) -> None:
    """Add a row, once the caller commits; of two who add the same at once, one is told so.

    Args:
        row: The row.
        taken: What to say if there is such a row.

    Raises:
        AccountError: If there is.
    """
    session().add(row)
    try:
        session().flush()
    except IntegrityError as error:
        session().rollback()
        raise AccountError(taken) from error
