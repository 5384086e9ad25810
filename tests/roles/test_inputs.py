"""A wrong input stops the playbook with one sentence, before anything is touched."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from certificates import write_pair
from playbook_run import Environment, Run
from repository import ROOT

PROVIDER = {"site_oidc_issuer": "https://login.test", "site_oidc_client_id": "site"}
# Each mistake, made by one host alone, and how the sentence about it starts.
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no-domain": ({"site_domain": ""}, "site_domain is not set"),
    "domain-is-a-url": ({"site_domain": "https://a.test"}, "https://a.test is neither a name nor"),
    "aliases-are-no-list": ({"site_domain_aliases": "a.test"}, "site_domain_aliases is not a list"),
    "alias-with-a-port": ({"site_domain_aliases": ["a.test:8443"]}, "a.test:8443 is neither"),
    "misspelt": ({"site_domian": "a.test"}, "site_domian is not an option of this site"),
    "port": ({"site_https_port": "https"}, "site_https_port is https"),
    "slots": ({"site_slots": 0}, "site_slots is 0"),
    "slot-memory": ({"site_slot_memory_max": "1 GB"}, "site_slot_memory_max is 1 GB"),
    "drain-hours": ({"site_drain_hours": "long"}, "site_drain_hours is long"),
    "deployments-kept": ({"site_deployments_kept": 0}, "site_deployments_kept is 0"),
    "plot-settings": ({"site_plot_settings": ["bars"]}, "site_plot_settings is not a mapping"),
    "build-seconds": ({"site_plot_build_seconds": 50}, "site_plot_build_seconds is 50"),
    "groups": ({"site_groups": "finance"}, "site_groups is not a list of names"),
    "group-name": ({"site_groups": ["The Bosses"]}, "site_groups is not a list of names"),
    "plots": ({"site_plots": ["bars"]}, "site_plots is not a mapping"),
    "plot-without-groups": ({"site_plots": {"bars": {}}}, "site_plots is not a mapping"),
    "plot-with-a-group": (
        {"site_plots": {"bars": {"groups": "finance"}}},
        "site_plots is not a mapping",
    ),
    "plot-with-more": (
        {"site_plots": {"bars": {"groups": ["finance"], "colour": "blue"}}},
        "site_plots is not a mapping",
    ),
    "login-hours": ({"site_login_hours": "long"}, "site_login_hours is long"),
    "audit-days": ({"site_audit_days": 0}, "site_audit_days is 0"),
    "issuer": ({**PROVIDER, "site_oidc_issuer": "login.test"}, "site_oidc_issuer is login.test"),
    "issuer-without-tls": (
        {**PROVIDER, "site_oidc_issuer": "http://localhost.login.test"},
        "site_oidc_issuer is http://localhost.login.test",
    ),
    "no-issuer": ({"site_oidc_name": "Login"}, "site_oidc_name is set without an issuer"),
    "client-id": ({**PROVIDER, "site_oidc_client_id": ""}, "site_oidc_client_id is not set"),
    "provider-name": ({**PROVIDER, "site_oidc_name": "a;b"}, "site_oidc_name is a;b"),
    "name-claim": ({**PROVIDER, "site_oidc_name_claim": "a b"}, "site_oidc_name_claim is a b"),
    "groups-claim": ({**PROVIDER, "site_oidc_groups_claim": ""}, "site_oidc_groups_claim is "),
    "mapped-groups": (
        {**PROVIDER, "site_oidc_groups": ["staff"]},
        "site_oidc_groups is not a mapping",
    ),
    "groups-of-groups": (
        {**PROVIDER, "site_oidc_groups": {"staff": ["finance"]}},
        "site_oidc_groups is not a mapping",
    ),
    "hardening": (
        {"site_hardening_without": ["moat"]},
        "site_hardening_without is not a list of hardenings",
    ),
    "hardening-is-no-list": (
        {"site_hardening_without": "firewall"},
        "site_hardening_without is not a list of hardenings",
    ),
    "rule-without-a-port": (
        {"site_firewall_rules": [{"protocol": "tcp"}]},
        "site_firewall_rules is not a list of ports",
    ),
    "rule-with-a-name": (
        {"site_firewall_rules": [{"port": "https"}]},
        "site_firewall_rules is not a list of ports",
    ),
    "rule-with-more": (
        {"site_firewall_rules": [{"port": 443, "colour": "blue"}]},
        "site_firewall_rules is not a list of ports",
    ),
    "rule-for-strangers": (
        {"site_firewall_rules": [{"port": 443, "sources": ["balancer"]}]},
        "site_firewall_rules is not a list of ports",
    ),
    "rule-for-nobody": (
        {"site_firewall_rules": [{"port": 443, "sources": []}]},
        "site_firewall_rules is not a list of ports",
    ),
    "never-banned": ({"site_never_banned": ["office"]}, "site_never_banned is not a list"),
    "reboot-time": ({"site_reboot_time": 840}, "site_reboot_time is 840"),
    "admin": ({"site_admin_user": "the admin"}, "site_admin_user is the admin"),
    "kind": ({"site_certificate_kind": "acme"}, "site_certificate_kind is acme"),
    "no-files": (
        {"site_certificate_kind": "provided"},
        "site_certificate_chain_file and site_certificate_key_file must name the PEM files",
    ),
}

# This machine, for checks that ask a host; none of them gets further than asking.
LOCAL = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory, password_file: Path) -> Run:
    """Let many hosts, each with one mistake, run into the checks at once."""
    folder = tmp_path_factory.mktemp("mistaken")
    for name in ("roles", "group_vars"):
        (folder / name).symlink_to(ROOT / name)
    # Without any_errors_fatal, so that every host gets as far as its own mistake.
    play = {
        "hosts": "app",
        "gather_facts": False,
        "roles": [{"role": "inputs", "tags": ["always"]}],
    }
    (folder / "playbook.yml").write_text(yaml.safe_dump([play]))

    pair = write_pair(folder / "pair", "plots.test")
    other = write_pair(folder / "other", "plots.test")
    garbage = folder / "garbage.pem"
    garbage.write_text("nothing of the kind\n")
    hosts = {name: options for name, (options, _) in MISTAKES.items()}
    hosts["missing-key"] = {**pair, "site_certificate_key_file": "/nowhere/key.pem"}
    hosts["garbage-chain"] = {**pair, "site_certificate_chain_file": str(garbage)}
    hosts["garbage-key"] = {**pair, "site_certificate_key_file": str(garbage)}
    hosts["other-key"] = {**pair, "site_certificate_key_file": other["site_certificate_key_file"]}
    hosts["expired"] = write_pair(folder / "expired", "plots.test", days=-1)
    hosts["other-names"] = {
        **write_pair(folder / "names", "*.plots.test", "192.0.2.1"),
        "site_domain_aliases": ["www.plots.test", "192.0.2.1", "a.www.plots.test"],
    }
    hosts["right"] = {
        **write_pair(folder / "right", "plots.test", "*.plots.test", "192.0.2.1", "2001:db8::1"),
        "site_domain_aliases": ["www.plots.test", "192.0.2.1", "2001:db8::1"],
        "site_https_port": 8443,
        "site_slots": 4,
        "site_slot_memory_max": 256,
        "site_drain_hours": 0.5,
        "site_deployments_kept": 1,
        "site_plot_settings": {"bars": {"maximum_days": 60}},
        "site_plot_build_seconds": 49,
        "site_groups": ["finance", "ops-2"],
        "site_plots": {"bars": {"groups": ["finance", "admin"]}, "sliders": {"groups": []}},
        "site_login_hours": 8,
        "site_audit_days": 30,
        "site_hardening_without": ["time"],
        "site_firewall_rules": [
            {"port": 443},
            {"port": 53, "protocol": "udp", "sources": ["app", "192.0.2.0/24", "2001:db8::/32"]},
        ],
        "site_never_banned": ["192.0.2.1", "2001:db8::/32"],
        "site_reboot_time": "04:00",
        "site_admin_user": "first.admin",
        **PROVIDER,
        "site_oidc_issuer": "https://login.test:8443/realms/people/",
        "site_oidc_name": "The People's Login",
        "site_oidc_name_claim": "https://login.test/name",
        "site_oidc_groups_claim": "roles",
        "site_oidc_groups": {"/staff/finance; #1": "finance"},
    }

    environment = Environment(folder / "inventory", password_file)
    environment.write_hosts(
        {name: {"site_domain": "plots.test", **each} for name, each in hosts.items()}
    )
    source = f"inputs_source_dir={ROOT}"
    return environment.run("-e", source, playbook=folder / "playbook.yml")


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named_with_the_place_to_correct_it(mistaken: Run, name: str) -> None:
    (message,) = mistaken.messages[name]
    assert message.startswith(MISTAKES[name][1])
    assert "/inventory/group_vars/all/site.yml" in message


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("missing-key", ". There is no /nowhere/key.pem."),
        ("garbage-chain", "garbage.pem holds no readable certificate"),
        ("garbage-key", "garbage.pem holds no readable private key"),
        ("other-key", "does not belong to the certificate"),
        ("expired", ", not now:"),
        ("other-names", "does not cover plots.test, a.www.plots.test:"),
    ],
)
def test_provided_certificate_is_checked_before_it_is_copied(
    mistaken: Run, name: str, fault: str
) -> None:
    assert fault in mistaken.messages[name][-1]


def test_right_options_are_not_refused(mistaken: Run) -> None:
    assert "right" not in mistaken.messages


def test_checking_changes_nothing_and_shows_no_key(mistaken: Run) -> None:
    assert (mistaken.changed, mistaken.unreachable) == (0, 0)
    assert "PRIVATE KEY" not in mistaken.output


def test_one_mistake_stops_the_playbook_for_all_hosts(environment: Environment) -> None:
    environment.write_hosts({"plots1": {}, "plots2": {"site_slots": "many"}})
    assert environment.run().sentence.startswith("site_slots is many")


def test_hosts_of_the_same_label(environment: Environment) -> None:
    environment.write_hosts({"plots.1": {}, "plots-1": {}})
    run = environment.run()
    assert (run.changed, run.unreachable) == (0, 0)
    for (message,) in run.messages.values():
        assert "have the labels plots-1, plots-1" in message


def test_checkout_without_history(environment: Environment, tmp_path: Path) -> None:
    for name in ("roles", "group_vars"):
        (tmp_path / name).symlink_to(ROOT / name)
    playbook = Path(shutil.copy(ROOT / "playbook.yml", tmp_path))
    run = environment.run(playbook=playbook)
    assert (run.changed, run.unreachable) == (0, 0)
    assert "run the playbook from a git checkout of the site" in run.messages["plots1"][-1]


def test_release_that_is_not_there(environment: Environment) -> None:
    sentence = environment.run("-e", "app_release=0123456789ab").sentence
    assert "has no 0123456789ab with an app/requirements.txt to deploy" in sentence
    assert "git fetch" in sentence


@pytest.mark.parametrize("revision", ["HEAD", "HEAD:app"])
def test_release_of_any_revision(environment: Environment, revision: str) -> None:
    named = subprocess.run(
        ["git", "rev-parse", revision], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert environment.run("-e", f"app_release={named[:12]}").messages == {}


def test_right_options_get_as_far_as_the_hosts(environment: Environment) -> None:
    environment.write_hosts({"plots1": {}, "plots2": {}})
    run = environment.run()
    assert (run.messages, run.changed, run.unreachable) == ({}, 0, 2)


def test_system_that_is_not_supported(environment: Environment) -> None:
    environment.write_hosts({"plots1": LOCAL})
    sentence = environment.run("-e", '{"preflight_supported_systems": ["Plan 9"]}').sentence
    assert sentence.startswith("plots1 runs ")
    assert sentence.endswith(" a host with one of Plan 9.")


def test_input_of_a_role_that_is_of_the_wrong_kind(environment: Environment) -> None:
    environment.write_hosts({"plots1": LOCAL})
    sentence = environment.run("-e", "nginx_hsts_seconds=year").sentence
    assert "nginx_hsts_seconds" in sentence
