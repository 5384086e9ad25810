"""The pages of those who administer the site."""

from flask import Flask

from app.admin import audit, groups, users

PAGES = (
    ("/admin/users", "Users"),
    ("/admin/groups", "Groups"),
    ("/admin/sessions", "Live sessions"),
    ("/admin/audit", "Audit"),
)


def install(app: Flask) -> None:
    """Lead administrators to their pages, and serve them."""
    app.register_blueprint(users.bp)
    app.register_blueprint(groups.bp)
    app.register_blueprint(audit.bp)
    app.jinja_env.globals["admin_pages"] = PAGES
