"""The public keys of an identity provider, fetched seldom and remembered."""

from __future__ import annotations

import time
from typing import Any

from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWKClientError, PyJWTError

from ocr_pipeline.domain.errors import ConfigurationError, Unavailable
from ocr_pipeline.gateway.auth.errors import TokenInvalid

_TIMEOUT = 3.0
_PAUSE = 30.0
_PAUSE_AFTER_FAILURE = 5.0


class JwksKeys:
    """Signing keys by id, from a JWKS address (RFC 7517). Safe between threads.

    The set is believed for `lifetime` seconds. An id that it lacks has it fetched anew, at most once in `pause`
    seconds however many such ids are asked for, which also bounds how soon a new key of the provider is known. After
    a failed fetch none is tried for some seconds; keys that are known go on working meanwhile.

    Raises ConfigurationError for an address that is not http or https.
    """

    def __init__(self, address: str, *, lifetime: float = 300.0, pause: float = _PAUSE) -> None:
        try:
            self._client = _PatientClient(address, lifetime=lifetime, pause=pause)
        except PyJWKClientError as error:
            raise ConfigurationError("the address of the identity provider's keys is no http address") from error

    def key(self, key_id: str) -> PyJWK:
        """The key with that id. Raises TokenInvalid for one the provider does not have, Unavailable."""
        # The client fetches under its lock: what is known already must not wait for that.
        known = None if self._client.jwk_set_cache is None else self._client.jwk_set_cache.get()
        found = None if known is None else self._client.match_kid(_signing_keys(known.keys), key_id)
        if found is not None:
            return found
        try:
            return self._client.get_signing_key(key_id)
        except (PyJWKClientConnectionError, _BrokenSet) as error:
            raise Unavailable("the identity provider does not give out its keys") from error
        except PyJWKClientError as error:
            raise TokenInvalid("the token is signed with an unknown key", cause="kid_unknown") from error


class _BrokenSet(Exception):
    """What the provider gave out is no set of keys."""


class _PatientClient(PyJWKClient):
    """Does not ask again at once a provider that has just failed, and names each failure the same."""

    def __init__(self, address: str, *, lifetime: float, pause: float) -> None:
        super().__init__(address, lifespan=lifetime, timeout=_TIMEOUT, cooldown_duration=pause)
        self._failed: float | None = None

    def fetch_data(self) -> Any:  # noqa: ANN401 - as the base class has it
        if self._failed is not None and time.monotonic() - self._failed < _PAUSE_AFTER_FAILURE:
            raise _BrokenSet
        try:
            fetched = super().fetch_data()
        except (PyJWTError, ValueError, OSError) as error:
            self._failed = time.monotonic()
            raise _BrokenSet from error
        self._failed = None
        return fetched


def _signing_keys(keys: list[PyJWK]) -> list[PyJWK]:
    return [key for key in keys if key.public_key_use in {"sig", None} and key.key_id]
