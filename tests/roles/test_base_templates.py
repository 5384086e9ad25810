"""The rules of the firewall, as they follow from ports, addresses and groups."""

from repository import render

HOSTS = {"balancer": ["b1", "b2"], "app": ["a1"]}
ADDRESSES = {"b1": ["192.0.2.1", "2001:db8::1"], "b2": ["192.0.2.2"], "a1": []}


def accepted(*rules: dict[str, object]) -> list[str]:
    """What is let in by port."""
    text = render(
        "base",
        "firewall.nft.j2",
        base_firewall_rules=list(rules),
        base_firewall_hosts=HOSTS,
        base_firewall_addresses=ADDRESSES,
        __base_ssh_ports=[22, 2222],
    )
    rules = text[text.index("udp dport 68 accept") :].splitlines()[1:]
    return [line.strip() for line in rules if "accept" in line]


def test_a_port_is_open_to_everybody_and_so_is_ssh() -> None:
    assert accepted({"port": 443}, {"port": 53, "protocol": "udp"}) == [
        "tcp dport 22 accept",
        "tcp dport 2222 accept",
        "tcp dport 443 accept",
        "udp dport 53 accept",
    ]


def test_sources_are_addresses_networks_and_groups() -> None:
    sources = ["balancer", "198.51.100.0/24", "2001:db8:1::/48"]
    assert accepted({"port": 443, "sources": sources})[2:] == [
        "ip saddr 192.0.2.1 tcp dport 443 accept",
        "ip saddr 192.0.2.2 tcp dport 443 accept",
        "ip6 saddr 2001:db8::1 tcp dport 443 accept",
        "ip saddr 198.51.100.0/24 tcp dport 443 accept",
        "ip6 saddr 2001:db8:1::/48 tcp dport 443 accept",
    ]


def test_a_rule_for_the_port_of_ssh_says_who_may_reach_it() -> None:
    assert accepted({"port": 22, "sources": ["192.0.2.7"]}) == [
        "tcp dport 2222 accept",
        "ip saddr 192.0.2.7 tcp dport 22 accept",
    ]


def test_a_group_without_addresses_opens_nothing() -> None:
    assert accepted({"port": 80, "sources": ["app"]})[2:] == []
