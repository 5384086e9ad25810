"""``bokeh-site release <verb>``: what root, and the playbook, do with the deployments of a host."""

import argparse
import logging
import os
import sys
from xmlrpc.client import Fault  # nosec B411 # only root's own supervisord answers

from app.config import ConfigError
from app.deployments.host import DeploymentError, Host
from app.deployments.listing import tell
from app.deployments.prepare import prepare
from app.deployments.refresh import refresh
from app.deployments.steward import tend
from app.deployments.supervisor import Supervisor
from app.deployments.switch import switch


def main() -> None:
    """Read the command line and the environment, and do what is asked."""
    parser = argparse.ArgumentParser(prog="bokeh-site release", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="what serves, what drains and with how many sessions")
    listing.add_argument("--json", action="store_true", help="print a JSON array")
    verbs.add_parser("prepare", help="start a deployment beside the others, and try it out")
    verbs.add_parser("switch", help="let the prepared deployment serve, and drain the others")
    verbs.add_parser("tend", help="look after the slots, and clear away what has drained")
    verbs.add_parser("refresh", help="replace, by draining, what runs code that was upgraded")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        host = Host.from_environment(os.environ)
    except ConfigError as error:
        sys.exit(f"bokeh-site release: {error}")
    supervisor = Supervisor(host.supervisor_socket)
    if arguments.verb == "list":
        print(tell(host, supervisor, as_json=arguments.json))  # noqa: T201
    elif arguments.verb == "tend":
        tend(host, supervisor)
    else:
        act = {"prepare": prepare, "switch": switch, "refresh": refresh}[arguments.verb]
        try:
            changed = act(host, supervisor)
        except DeploymentError as error:
            sys.exit(str(error))
        except (OSError, Fault) as error:
            still = host.serving or "nothing"
            sys.exit(f"{arguments.verb} stopped half-way, run it again: {error}; {still} serves")
        print("changed" if changed else "unchanged")  # noqa: T201


if __name__ == "__main__":
    main()
