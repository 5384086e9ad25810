"""The pages of those who administer the site."""

from flask import Flask

from app.admin import audit, groups, sessions, users

PAGES = (
    ("/admin/users", "Users"),
    ("/admin/groups", "Groups"),
    ("/admin/sessions", "Live sessions"),
    ("/admin/audit", "Audit"),
)


def install(app: Flask) -> None:
    """Lead administrators to their pages, and serve them."""
    for page in (users, groups, sessions, audit):
        app.register_blueprint(page.bp)
    app.jinja_env.globals["admin_pages"] = PAGES
