"""Signing in through an OpenID Connect provider, on a host that is told of one and then of none."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import sign_in
from certificates import write_pair
from identity_provider import CLIENT, SECRET, IdentityProvider, identity_provider
from playwright.sync_api import Page, expect
from provisioned import REPOSITORY, Inventory, Site

USERS = {
    "subject-1": {"preferred_username": "e2e-one", "groups": ["site-admins"]},
    "subject-2": {"preferred_username": "e2e-two", "groups": ["others"]},
}
NAME = "Example Login"
TRUSTED = "/usr/local/share/ca-certificates/e2e-provider.crt"


@pytest.fixture(scope="module")
def provider(
    site: Site, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IdentityProvider]:
    """A provider on this machine, whose certificate the host trusts, and the site told of it."""
    inventory = Inventory(pytestconfig.getoption("ansible_inventory"))
    folder = tmp_path_factory.mktemp("provider")
    made = write_pair(folder / "pair", site.gateway)
    chain, key = made["site_certificate_chain_file"], made["site_certificate_key_file"]
    site.command("tee", TRUSTED, user="root", text=Path(chain).read_text())
    site.command("update-ca-certificates", user="root")
    with identity_provider(USERS, host=site.gateway, certificate=(chain, key)) as provider:
        changed = folder / "changed.json"
        changed.touch(mode=0o600)
        settings = {
            "site_oidc_issuer": provider.issuer,
            "site_oidc_client_id": CLIENT,
            "site_oidc_name": NAME,
            "site_oidc_groups": {"site-admins": "admin"},
            "site_plots": {"bars": {"groups": ["admin"]}},
            "vault_oidc_client_secret": SECRET,
        }
        changed.write_text(json.dumps(settings))
        run = inventory.playbook(str(REPOSITORY / "playbook.yml"), "-e", f"@{changed}")
        assert run.returncode == 0, run.stdout
        assert SECRET not in run.stdout + run.stderr
        yield provider
    site.command("rm", TRUSTED, user="root")
    site.command("update-ca-certificates", "--fresh", user="root")
    for user in USERS.values():
        site.cli("user", "remove", user["preferred_username"])
    run = inventory.playbook(str(REPOSITORY / "playbook.yml"))
    assert run.returncode == 0, run.stdout


def sign_on(page: Page, subject: str, at: str) -> None:
    """Sign in through the provider, on the way to a page."""
    page.goto(at)
    page.get_by_role("link", name=f"Sign in with {NAME}").click()
    page.get_by_placeholder("sub").fill(subject)
    page.get_by_role("button", name="Authorize").click()


@pytest.mark.usefixtures("provider")
def test_a_group_at_the_provider_opens_what_is_for_it(page: Page, site: Site, screenshots: Path):
    page.goto("/login?next=/bars")
    page.screenshot(path=screenshots / "sign-on.png")
    sign_on(page, "subject-1", at="/bars")
    expect(page).to_have_url(f"{site.origin}/bars")
    expect(page.get_by_role("heading", name="Bars")).to_be_visible()
    expect(page.locator(".bk-Figure").first).to_be_visible()
    page.goto("/admin/audit?event=signed+in")
    expect(page.get_by_role("cell", name="e2e-one").first).to_be_visible()
    expect(page.get_by_role("cell", name="oidc").first).to_be_visible()


@pytest.mark.usefixtures("provider")
def test_without_the_group_it_stays_closed(page: Page, site: Site):
    sign_on(page, "subject-2", at="/")
    expect(page).to_have_url(f"{site.origin}/")
    expect(page.get_by_role("link", name="Sliders")).to_be_visible()
    expect(page.get_by_role("link", name="Bars")).to_have_count(0)
    for closed in ("/bars", "/admin/audit"):
        answer = page.goto(closed)
        assert answer
        assert answer.status in (403, 404)


@pytest.mark.usefixtures("provider")
def test_whoever_cancels_is_back_at_the_form(page: Page):
    page.goto("/login")
    page.get_by_role("link", name=f"Sign in with {NAME}").click()
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("alert")).to_contain_text("did not let you in, or you cancelled")
    expect(page.get_by_label("Password")).to_be_visible()


def test_without_the_provider_people_sign_in_by_password(
    page: Page, site: Site, provider: IdentityProvider, password: str, screenshots: Path
):
    provider.stop()
    page.goto("/login")
    page.get_by_role("link", name=f"Sign in with {NAME}").click()
    expect(page.get_by_role("alert")).to_contain_text(f"{NAME} does not answer")
    page.screenshot(path=screenshots / "provider-down.png")
    sign_in(page, password, at="/login")
    expect(page).to_have_url(f"{site.origin}/")
    expect(page.get_by_role("heading", name="Plots")).to_be_visible()
