"""Groups, identities of other sign-ins, live sessions, and the audit log."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and the group that administers the site."""
    _people()
    _sessions()
    _audit()


def _people() -> None:
    groups = op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True, index=True),
    )
    op.bulk_insert(groups, [{"name": "admin"}])
    op.create_table(
        "memberships",
        _user_id(primary_key=True),
        sa.Column(
            "group_id",
            sa.Integer(),
            sa.ForeignKey("groups.id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        ),
    )
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(255), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        _user_id(nullable=False, index=True),
    )
    op.create_table(
        "password_links",
        sa.Column("digest", sa.String(64), primary_key=True),
        _user_id(nullable=False, index=True),
        sa.Column("expires_at", sa.Integer(), nullable=False),
    )
    op.add_column("logins", sa.Column("address", sa.String(45)))
    op.add_column("logins", sa.Column("browser", sa.String(255)))


def _user_id(**options: Any) -> sa.Column[int]:
    return sa.Column(
        "user_id", sa.Integer(), sa.ForeignKey("users.id", ondelete="CASCADE"), **options
    )


def _sessions() -> None:
    op.create_table(
        "live_sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("login_id", sa.String(32), nullable=False, index=True),
        sa.Column("user", sa.String(64), nullable=False, index=True),
        sa.Column("plot", sa.String(64), nullable=False),
        sa.Column("slot", sa.String(128), nullable=False, index=True),
        sa.Column("release", sa.String(12), nullable=False),
        sa.Column("address", sa.String(45)),
        sa.Column("opened_at", sa.Integer(), nullable=False),
        sa.Column("last_event_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "slots",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("release", sa.String(12), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("resident_bytes", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.Integer(), nullable=False),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Integer(), nullable=False, index=True),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("user", sa.String(80)),
        sa.Column("actor", sa.String(64)),
        sa.Column("address", sa.String(45)),
        sa.Column("plot", sa.String(64)),
        sa.Column("slot", sa.String(128)),
        sa.Column("release", sa.String(12)),
        sa.Column("seconds", sa.Integer()),
        sa.Column("detail", sa.String(255)),
    )
    for column in ("user", "plot", "address"):
        op.create_index(f"ix_audit_{column}_at", "audit", [column, "at"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER audit_stands BEFORE UPDATE ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
        )


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "audit",
        "slots",
        "live_sessions",
        "password_links",
        "identities",
        "memberships",
        "groups",
    ):
        op.drop_table(table)
    with op.batch_alter_table("logins") as logins:
        logins.drop_column("address")
        logins.drop_column("browser")
