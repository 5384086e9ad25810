"""An authority that refuses, and a web server that answers for a name that is not its own.

``https://ca.test:14001/<request>/<error>`` is the directory of an authority that answers that
request (``newAccount`` or ``newOrder``) with that error of ACME, and goes along with every other.
"""

import json
import ssl
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STATUS = {"rateLimited": HTTPStatus.TOO_MANY_REQUESTS}


class Refusing(BaseHTTPRequestHandler):
    """The authority."""

    def do_HEAD(self) -> None:
        """Answer a request for a nonce."""
        self._answer(HTTPStatus.OK, {})

    def do_GET(self) -> None:
        """Answer a request for the directory, which names the requests' addresses."""
        base = f"https://{self.headers['Host']}{self.path}"
        names = ("newNonce", "newAccount", "newOrder")
        self._answer(HTTPStatus.OK, {name: f"{base}/{name}" for name in names})

    def do_POST(self) -> None:
        """Refuse, or register."""
        self.rfile.read(int(self.headers["Content-Length"]))
        _, refused, error, asked = self.path.split("/")
        if asked != refused:
            self._answer(HTTPStatus.CREATED, {"status": "valid"})
            return
        status = STATUS.get(error, HTTPStatus.BAD_REQUEST)
        kind = f"urn:ietf:params:acme:error:{error}"
        self._answer(status, {"type": kind, "detail": "told by the test", "status": status})

    def _answer(self, status: HTTPStatus, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        problem = "problem+" if status >= HTTPStatus.BAD_REQUEST else ""
        self.send_header("Content-Type", f"application/{problem}json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Location", f"https://{self.headers['Host']}/account")
        self.send_header("Replay-Nonce", "bm9uY2U")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class Elsewhere(BaseHTTPRequestHandler):
    """Another site."""

    def do_GET(self) -> None:
        """Answer whatever is asked."""
        self.send_response(HTTPStatus.OK)
        self.end_headers()
        self.wfile.write(b"another site")


if __name__ == "__main__":
    elsewhere = ThreadingHTTPServer(("", 80), Elsewhere)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    server = ThreadingHTTPServer(("", 14001), Refusing)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain("/etc/pebble.pem", "/etc/pebble-key.pem")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
