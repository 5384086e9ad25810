"""Every measurement, its reference and its bar."""

from collections.abc import Callable

from bench import deploy, first_run, playbook, reloads
from bench.host import LocalHost
from bench.table import Row

_MEGABYTE = 1e6


def _roundtrip(host: LocalHost) -> list[Row]:
    told = host.measure("roundtrip")
    site, bare, usual = told["site"], told["bare"], told["usual"]
    return [
        Row("slider round trip, p50", site["p50"], "ms", bare["p50"], most=1.15),
        Row("slider round trip, p99", site["p99"], "ms", bare["p99"], most=1.3),
        Row("the same, bare server and a client that acknowledges late", usual["p50"], "ms"),
    ]


def _sessions(host: LocalHost) -> list[Row]:
    told = host.measure("sessions")
    bare = told["bare"]
    what = "live sessions at a move a second, p99 under 100 ms"
    return [
        Row(f"{what}, 2 slots", told["2"], "", bare, least=1.8),
        Row(f"{what}, 1 slot", told["1"], "", bare),
        Row(f"{what}, 4 slots", told["4"], "", bare),
    ]


def _opening(host: LocalHost) -> list[Row]:
    told = host.measure("opening")
    return [
        Row("opening a plot, p50", told["site"]["p50"], "ms", told["bare"]["p50"], most=1.2),
        Row("runs of the plot's code per visit", told["runs_per_visit"], "", least=1, most=1),
    ]


def _weight(host: LocalHost) -> list[Row]:
    told = host.measure("weight")
    return [
        Row("plot page, cold", told["cold"], "bytes", told["best"], most=1.05),
        Row("plot page, again", told["again"], "bytes", most=15 << 10),
    ]


def _pages(host: LocalHost) -> list[Row]:
    told = host.measure("pages")
    return [Row("gallery pages, signed in", told["site"], "/s", told["hello"], least=0.6)]


def _memory(host: LocalHost) -> list[Row]:
    told = host.measure("memory")
    site, bare = told["site"], told["bare"]
    return [
        Row("memory of an idle slot", site["idle"] / _MEGABYTE, "MB", bare["idle"] / _MEGABYTE),
        Row("memory of a session", site["session"] / 1000, "kB", bare["session"] / 1000),
    ]


def _reloads(host: LocalHost) -> list[Row]:
    return _lost("during reloads of nginx", reloads.measure(host))


def _playbook(host: LocalHost) -> list[Row]:
    told = playbook.measure(host)
    what = f"second run of the playbook, {told['tasks']:g} tasks"
    return [Row(what, told["second"], "s", told["empty"], most=1.5)]


def _deploy(host: LocalHost) -> list[Row]:
    told = deploy.measure(host)
    what = "deploy of a code change until new visitors get it"
    return [Row(what, told["seconds"], "s", most=45), *_lost("during two deploys", told)]


def _first_run(_host: LocalHost) -> list[Row]:
    told = first_run.measure()
    installs = told["apt"] + told["pip"]
    return [Row("first run on a bare host", told["first"], "s", installs, most=1.4)]


def _lost(when: str, report: dict[str, list[object]]) -> list[Row]:
    return [
        Row(f"failed requests {when}", len(report["failed"]), "", most=0),
        Row(f"dropped sessions {when}", len(report["dropped"]), "", most=0),
    ]


ROWS: dict[str, Callable[[LocalHost], list[Row]]] = {
    "roundtrip": _roundtrip,
    "sessions": _sessions,
    "opening": _opening,
    "weight": _weight,
    "pages": _pages,
    "memory": _memory,
    "reloads": _reloads,
    "playbook": _playbook,
    "deploy": _deploy,
    "first_run": _first_run,
}
