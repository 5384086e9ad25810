"""The hosts of an inventory, as the machine that runs the tests reaches them."""

import json
import secrets
import shlex
import ssl
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).parents[2]
Found = TypeVar("Found")


def poll(look: Callable[[], Found], seconds: float) -> Found:
    """Look until something is found, and return it.

    Args:
        look: Returns what was found; nothing counts as found that is false.
        seconds: The longest that it may take.
    """
    ends = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends, f"nothing after {seconds} s: {look.__doc__ or look}"
        time.sleep(0.05)
    return found


def _project_environment() -> dict[str, str]:
    """The environment in which the project's tools and Ansible work."""
    script = '. "$0"/tools/environment.sh && env -0'
    told = subprocess.run(
        ["bash", "-c", script, REPOSITORY], check=True, capture_output=True, text=True
    )
    return {
        **dict(line.split("=", 1) for line in told.stdout.split("\0") if line),
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
    }


class Inventory:
    """An inventory, and the playbooks that are run with it.

    Args:
        path: The inventory's directory.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.environment = _project_environment()

    def playbook(
        self, playbook: str, *arguments: str, environment: Mapping[str, str | None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook, and return how it went.

        Args:
            playbook: Its path.
            *arguments: More arguments.
            environment: Changes of the process environment; None removes a variable.
        """
        # Molecule forces colours, which the tests' patterns do not expect.
        plain = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
        # Ansible's own strategy takes twice as long: the scenario "default" shows it.
        quick = {"ANSIBLE_STRATEGY": "mitogen_linear"}
        changed = {**self.environment, **plain, **quick, **(environment or {})}
        return subprocess.run(
            ["ansible-playbook", "-i", self.path, playbook, *arguments],
            check=False,
            cwd=REPOSITORY,
            env={name: value for name, value in changed.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def sites(self) -> dict[str, "Site"]:
        """The site of every host, by the host's name."""
        run = self.playbook(
            str(REPOSITORY / "molecule/tests/variables.yml"),
            # Of no other strategy does this callback tell all hosts of a task together.
            environment={
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "ANSIBLE_STRATEGY": "linear",
            },
        )
        assert run.returncode == 0, run.stderr
        told = json.loads(run.stdout)["plays"][-1]["tasks"][-1]["hosts"]
        return {name: Site(name, answer["msg"], self.environment) for name, answer in told.items()}


@dataclass
class Site:
    """A provisioned host.

    Attributes:
        name: The host's name in the inventory.
        variables: The site's variables and secrets, as Ansible knows them.
        environment: Where the project's tools work.
        sensitive: Every password, cookie, token and key that the tests used: none may be logged.
        observed: What the current test has seen, to be shown at the end.
    """

    name: str
    variables: dict[str, Any] = field(repr=False)
    environment: dict[str, str] = field(repr=False)
    sensitive: set[str] = field(default_factory=set, repr=False)
    observed: list[str] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Keep the vault's secrets in mind."""
        self.sensitive.update(self.secrets.values())

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets of the vault, without the keys that these have replaced."""
        return {
            name: value
            for name, value in self.variables.items()
            if name.startswith("vault_") and isinstance(value, str)
        }

    @property
    def bokeh_key(self) -> bytes:
        """The key that signs session ids."""
        return str(self.secrets["vault_bokeh_secret_key"]).encode()

    @property
    def origin(self) -> str:
        """What a browser sends as the origin of this site's pages."""
        return str(self.variables["site_origins"][0])

    @property
    def netloc(self) -> str:
        """Name, and port where it is not the usual one, as a browser sends them."""
        return urlsplit(self.origin).netloc

    @property
    def domain(self) -> str:
        """The name that a certificate has to show."""
        return str(self.variables["site_domain"])

    @property
    def slots(self) -> list[str]:
        """Names of the slots."""
        return list(self.variables["site_slot_names"])

    def program(self, name: str) -> str:
        """What Supervisor calls a program of the deployment that was provisioned."""
        return f"{name}-{self.variables['site_deployment']}"

    @cached_property
    def address(self) -> tuple[str, int]:
        """Where this machine reaches the host's port for HTTPS."""
        host, _, port = self._podman("port", self.container, "443/tcp").strip().rpartition(":")
        return host, int(port)

    @property
    def gateway(self) -> str:
        """This machine's address, as the host reaches it."""
        wanted = "{{range .NetworkSettings.Networks}}{{.Gateway}}\n{{end}}"
        return self._podman("inspect", "--format", wanted, self.container).split()[0]

    @property
    def plain_address(self) -> tuple[str, int]:
        """Where this machine reaches the host's port for HTTP, which is published nowhere."""
        wanted = "{{range .NetworkSettings.Networks}}{{.IPAddress}}\n{{end}}"
        return self._podman("inspect", "--format", wanted, self.container).split()[0], 80

    @contextmanager
    def letting_in(self, port: int) -> Iterator[None]:
        """Have the host's firewall let everybody reach one more port."""
        chain = ("inet", self.variables["site_name"].replace("-", "_"), "input")
        rule = ("tcp", "dport", str(port), "accept")
        told = self.command("nft", "-e", "-a", "insert", "rule", *chain, *rule, user="root").stdout
        try:
            yield
        finally:
            handle = told.split("# handle ")[1].split()[0]
            self.command("nft", "delete", "rule", *chain, "handle", handle, user="root")

    @cached_property
    def certificate(self) -> str:
        """The site's certificate, and those above it."""
        return self.command("cat", self.variables["site_certificate_chain"]).stdout

    @property
    def trust(self) -> ssl.SSLContext:
        """TLS that trusts this host's certificate, and no other."""
        trusted = ssl.create_default_context(cadata=self.certificate)
        trusted.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return trusted

    @property
    def container(self) -> str:
        """The container that is the host."""
        return f"{self.environment['CHECKOUT']}-{self.name}"

    def restart(self) -> None:
        """Restart the whole host."""
        self._podman("stop", "--time=60", self.container)
        # podman 4.3 may still unmount the old container's files while it starts the new one.
        poll(lambda: self._try_podman("start", self.container).returncode == 0, 20)

    def cut_connections(self) -> None:
        """Cut every SSH connection to the host, this machine's own among them."""
        self._podman("exec", self.container, "pkill", "-KILL", "sshd")

    def attempt(
        self, *command: str, user: str | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the host, and return how it went.

        Over SSH with standard input, since sudo logs every command with its arguments.

        Args:
            *command: The command, and its arguments.
            user: Who runs it; the user who administrates the host, without sudo, if None.
            text: Its standard input.
        """
        return subprocess.run(
            self.ssh(*command, user=user), check=False, input=text, capture_output=True, text=True
        )

    def ssh(self, *command: str, user: str | None = None) -> list[str]:
        """The command of this machine that runs a command on the host, as `attempt` does."""
        become = ("sudo", "--user", user, "--") if user else ()
        config = f"{self.environment['STATE']}/ssh/config"
        # From a directory that every user may enter.
        return ["ssh", "-F", config, self.name, f"cd / && {shlex.join((*become, *command))}"]

    def command(
        self, *command: str, user: str | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """As `attempt`, for commands that must succeed."""
        done = self.attempt(*command, user=user, text=text)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def python(self, script: str, user: str, text: str = "") -> str:
        """Run a Python script on the host as a user, and return what it printed."""
        # As an argument of sh it would be read as a command: the script itself is public.
        return self.command("python3", "-c", script, user=user, text=text).stdout.strip()

    def cli(self, *arguments: str, text: str = "") -> str:
        """Run the site's command line, as the one who administrates the host does."""
        command = self.variables["site_command"]
        return self.command(command, *arguments, user="root", text=text).stdout.strip()

    def keep_user(self, name: str, password: str) -> None:
        """Have an active user of that name and password, who may open every plot."""
        self.sensitive.add(password)
        groups = self.variables.get("site_groups", [])
        joining = [f"--group={group}" for group in groups]
        if self.cli("user", "add", name, "--if-missing", *joining, text=password).startswith(
            "exists"
        ):
            self.cli("user", "password", name, text=password)
            self.cli("user", "enable", name)
            self.cli("user", "groups", name, *groups)

    @contextmanager
    def kept_user(self, name: str) -> Iterator[str]:
        """Have an active user of that name meanwhile, and tell the password."""
        password = secrets.token_urlsafe(16)
        self.keep_user(name, password)
        try:
            yield password
        finally:
            self.cli("user", "disable", name)

    def found_in(self, folders: Iterable[str], values: Iterable[str]) -> list[str]:
        """The files below folders on the host that hold one of the values."""
        listed = self.attempt(
            "grep", "-rlFIs", "-f", "/dev/stdin", *folders, user="root", text="\n".join(values)
        )
        assert listed.returncode in (0, 1, 2), listed.stderr
        return listed.stdout.split("\n")[:-1]

    def _podman(self, *arguments: str) -> str:
        done = self._try_podman(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _try_podman(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [REPOSITORY / "tools/podman", *arguments],
            check=False,
            env=self.environment,
            capture_output=True,
            text=True,
        )
