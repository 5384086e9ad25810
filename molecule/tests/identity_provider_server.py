"""An OpenID Connect provider that can be told to answer wrongly.

Oidc-provider-mock is the provider; before it stands what it leaves out (the client's secret, PKCE),
and what no provider does by intent. Run as a script, it prints its port.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import time
from urllib.parse import parse_qs, urlsplit

import oidc_provider_mock
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

TOKEN = "/oauth2/token"


class Front:
    """What stands before the provider.

    Args:
        users: The claims of each user, by subject.
        secret: The client secret.
    """

    def __init__(self, users, secret):
        self.users = [oidc_provider_mock.User(sub=sub, claims=each) for sub, each in users.items()]
        self.provider = oidc_provider_mock.app(require_nonce=True, user_claims=self.users)
        self.secret = secret
        self.key = RSAKey.generate_key(2048, parameters={"kid": "1"})
        self.other_key = RSAKey.generate_key(2048, parameters={"kid": "1"})
        self.challenges = {}
        self.fault = {}

    def __call__(self, environ, start_response):
        """Answer a request."""
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        return self.answer(request, body)(environ, start_response)

    def answer(self, request, body):
        """Answer as the provider does, unless there is a fault."""
        if request.path == "/-/fault":
            self.fault = json.loads(body)
            return Response(status=204)
        fault = self.fault.get(request.path, {})
        time.sleep(fault.get("delay", 0))
        if "text" in fault:
            return Response(fault["text"], status=fault.get("status", 200))
        if request.path == "/jwks":
            return self._json({"keys": [self.key.as_dict(private=False)]})
        refused = self._refusal(request)
        if refused:
            return self._json({"error": refused}, 400)
        answer = Response.from_app(self.provider, request.environ)
        for code in parse_qs(urlsplit(answer.location or "").query).get("code", []):
            self.challenges[code] = request.args["code_challenge"]
        if "error=" in (answer.location or ""):
            answer.location += f"&state={request.args['state']}"
        if not answer.is_json or answer.status_code >= 400:
            return answer
        told = json.loads(answer.get_data())
        if "id_token" in told:
            told["id_token"] = self._signed_anew(told["id_token"])
        return self._json(changed(told, fault.get("changes", {})))

    def _refusal(self, request):
        """What is wrong with the client's secret or its use of PKCE, if anything is."""
        if request.path == "/oauth2/authorize" and "code_challenge" not in request.args:
            return "invalid_request"
        if request.path != TOKEN:
            return None
        if not request.authorization or request.authorization.password != self.secret:
            return "invalid_client"
        digest = hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if self.challenges.pop(request.form.get("code"), None) != challenge:
            return "invalid_grant"
        return None

    def _signed_anew(self, token):
        """The token, signed by a key that changed claims may be signed with."""
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        claims = changed(claims, self.fault.get("claims", {}))
        header = {"alg": self.fault.get("alg", "RS256"), "kid": "1"}
        if header["alg"] == "none":
            parts = (json.dumps(part).encode() for part in (header, claims))
            encoded = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
            return ".".join((*encoded, ""))
        key = self.other_key if self.fault.get("other_key") else self.key
        return jwt.encode(header, claims, key)

    @staticmethod
    def _json(told, status=200):
        return Response(json.dumps(told), status=status, mimetype="application/json")


def changed(told, changes):
    """What is told, but for some changes; a None takes something away."""
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


def main():
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--users", type=json.loads, required=True)
    parser.add_argument("--certificate", nargs=2)
    options = parser.parse_args()
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    front = Front(options.users, os.environ["CLIENT_SECRET"])
    pair = tuple(options.certificate) if options.certificate else None
    server = make_server(options.host, options.port, front, threaded=True, ssl_context=pair)
    print(server.server_port, flush=True)  # noqa: T201 # for whoever started it
    server.serve_forever()


if __name__ == "__main__":
    main()
