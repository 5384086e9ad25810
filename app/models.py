"""What the site remembers: users, and the logins that each of them has.

Times are whole seconds since the epoch, UTC: the same number on every database and in every token.
"""

import secrets
import time

from sqlalchemy import ForeignKey, String, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base


def _now() -> int:
    return int(time.time())


class User(Base):
    """A person who may sign in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[int] = mapped_column(default=_now)


class Login(Base):
    """One sign-in of a user in one browser.

    Flask's signed cookie names this row and nothing else, so that a login can be ended here:
    a signed cookie alone cannot be revoked.
    """

    __tablename__ = "logins"

    id: Mapped[str] = mapped_column(
        String(32), primary_key=True, default=lambda: secrets.token_urlsafe(16)
    )
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[int] = mapped_column(default=_now)
    expires_at: Mapped[int]
    revoked: Mapped[bool] = mapped_column(default=False, server_default=false())
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
