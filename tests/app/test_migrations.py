"""Migrations: they make exactly the tables that the models need."""

from app.schema import migrations


def test_the_migrations_make_the_models_tables(site):
    with site.app_context():
        assert migrations().compare_metadata() == []
        assert not migrations().needs_upgrade()
