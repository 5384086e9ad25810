"""What the site remembers.

Times are whole seconds since the epoch, UTC: the same number on every database and in every token.
"""

import secrets
import time

from sqlalchemy import BigInteger, ForeignKey, Index, String, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base


def _now() -> int:
    return int(time.time())


class Membership(Base):
    """A user is in a group."""

    __tablename__ = "memberships"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    group_id: Mapped[int] = mapped_column(
        ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Group(Base):
    """Users who may do the same."""

    __tablename__ = "groups"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True, index=True)


class User(Base):
    """A person who may sign in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[int] = mapped_column(default=_now)
    groups: Mapped[list[Group]] = relationship(
        secondary=Membership.__table__, order_by=Group.name, passive_deletes=True
    )


class Identity(Base):
    """How an OpenID Connect provider names a user: unique and unchanging, unlike a name."""

    __tablename__ = "identities"

    issuer: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


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
    address: Mapped[str | None] = mapped_column(String(45))
    browser: Mapped[str | None] = mapped_column(String(255))
    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class PasswordLink(Base):
    """A link with which its user may choose a password, once; known here by its digest only."""

    __tablename__ = "password_links"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[int]


class LiveSession(Base):
    """A plot that a viewer has open, on whichever host.

    Written by the host that holds it. It outlives the visit for as long as the slot tells of that,
    and if an administrator ended it, for as long as its token would let its viewer come back.
    """

    __tablename__ = "live_sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    login_id: Mapped[str] = mapped_column(String(32), index=True)
    user: Mapped[str] = mapped_column(String(64), index=True)
    plot: Mapped[str] = mapped_column(String(64))
    slot: Mapped[str] = mapped_column(String(128), index=True)
    release: Mapped[str] = mapped_column(String(12))
    address: Mapped[str | None] = mapped_column(String(45))
    opened_at: Mapped[int]
    last_event_at: Mapped[int]
    expires_at: Mapped[int]
    closed_at: Mapped[int | None]
    ended: Mapped[bool] = mapped_column(default=False, server_default=false())


class SlotReport(Base):
    """What a slot told last of itself, on whichever host."""

    __tablename__ = "slots"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    release: Mapped[str] = mapped_column(String(12))
    status: Mapped[str] = mapped_column(String(16))
    sessions: Mapped[int]
    resident_bytes: Mapped[int] = mapped_column(BigInteger)
    told_at: Mapped[int]


class AuditEntry(Base):
    """Something that somebody did. Names are kept as text: an entry outlives what it names."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(String(32))
    user: Mapped[str | None] = mapped_column(String(80))
    actor: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(45))
    plot: Mapped[str | None] = mapped_column(String(64))
    slot: Mapped[str | None] = mapped_column(String(128))
    release: Mapped[str | None] = mapped_column(String(12))
    seconds: Mapped[int | None]
    detail: Mapped[str | None] = mapped_column(String(255))

    __table_args__ = (
        Index("ix_audit_user_at", "user", "at"),
        Index("ix_audit_plot_at", "plot", "at"),
        Index("ix_audit_address_at", "address", "at"),
    )
