"""The command about the provider: ``oidc``."""

from flask.cli import AppGroup

from app.flask_config import current_config
from app.people import identities
from app.telling import report

oidc_group = AppGroup("oidc", help="The provider through which people may sign in.")


@oidc_group.command("check")
def check_groups() -> None:
    """Check that every group exists that one of the provider's groups stands for."""
    provider = current_config().oidc
    unknown = identities.unknown_groups(provider.groups) if provider else []
    report(
        [f"site_oidc_groups names the group {name}, which does not exist" for name in unknown],
        "every group exists that one of the provider's groups stands for",
    )
