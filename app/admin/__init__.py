"""The pages of those who administer the site."""

from flask import Flask

PAGES = (
    ("/admin/users", "Users"),
    ("/admin/sessions", "Live sessions"),
    ("/admin/audit", "Audit"),
)


def install(app: Flask) -> None:
    """Lead administrators to their pages."""
    app.jinja_env.globals["admin_pages"] = PAGES
