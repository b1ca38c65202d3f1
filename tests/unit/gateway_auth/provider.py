"""An identity provider on a free port of this machine: a real JWKS address, and tokens signed with real keys."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "ocr-pipeline"


@dataclass(frozen=True)
class ProviderKey:
    """One of the provider's key pairs."""

    key_id: str
    algorithm: str
    private: Any

    @classmethod
    def new(cls, key_id: str, algorithm: str = "ES256") -> ProviderKey:
        match algorithm:
            case "ES256":
                private: Any = ec.generate_private_key(ec.SECP256R1())
            case "EdDSA":
                private = ed25519.Ed25519PrivateKey.generate()
            case _:
                private = rsa.generate_private_key(65537, 2048)
        return cls(key_id, algorithm, private)

    @property
    def public(self) -> dict[str, Any]:
        """The public key as the provider gives it out."""
        public = self.private.public_key()
        match self.algorithm:
            case "ES256":
                shape = ECAlgorithm.to_jwk(public, as_dict=True)
            case "EdDSA":
                shape = OKPAlgorithm.to_jwk(public, as_dict=True)
            case _:
                shape = RSAAlgorithm.to_jwk(public, as_dict=True)
        return {**shape, "kid": self.key_id, "use": "sig", "alg": self.algorithm}


@dataclass
class Provider:
    """What the provider serves just now."""

    address: str = ""
    keys: list[ProviderKey] = field(default_factory=list)
    body: bytes | None = None
    status: int = 200
    asked: int = 0

    @property
    def issuer(self) -> str:
        return "https://identity.example"

    def claims(self, **changes: object) -> dict[str, Any]:
        """What a good token says; a claim that is changed to None is left out."""
        now = int(time.time())
        usual: dict[str, object] = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 300,
            "azp": "hospital-a",
            "roles": ["submitter"],
        }
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def token(self, key: ProviderKey | None = None, **changes: object) -> str:
        """A token signed by the provider."""
        key = key or self.keys[0]
        return jwt.encode(self.claims(**changes), key.private, key.algorithm, headers={"kid": key.key_id})

    def served(self) -> bytes:
        """The set of keys."""
        return json.dumps({"keys": [key.public for key in self.keys]}).encode() if self.body is None else self.body


@contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    """The provider, answering."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked += 1
            body = provider.served()
            self.send_response(provider.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the base class has it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.05), daemon=True)
    thread.start()
    provider.address = f"http://127.0.0.1:{server.server_port}/jwks"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
