"""Signing in by an OpenID Connect provider: the authorization code flow with PKCE, state and nonce."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException

from profile_service.errors import Refused

_SECONDS = 10.0  # for each question to the provider
_KEPT_SECONDS = 3600.0  # what the provider says of itself
# What signs an id token: never `none`, never the client's own secret.
_ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]


@dataclass(frozen=True)
class Provider:
    """Where and as whom to sign in; ``issuer`` is also whom its id tokens must be from."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    called_back_at: str = ""


@dataclass(frozen=True)
class Begun:
    """A sign-in under way: where to send the browser, and what is kept to check what comes back."""

    address: str
    kept: Mapping[str, str]


class OpenId:
    """One provider, asked over HTTP."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._turn = threading.Lock()
        self._said: tuple[float, dict[str, Any], KeySet] | None = None

    def begin(self) -> Begun:
        """Begin to sign somebody in. Raises Refused when the provider cannot be reached."""
        said, _ = self._discovered()
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        address, state = self._session().create_authorization_url(
            said["authorization_endpoint"], code_verifier=verifier, nonce=nonce
        )
        return Begun(str(address), {"state": str(state), "nonce": nonce, "verifier": verifier})

    def end(self, kept: Mapping[str, str], came_back: Mapping[str, str]) -> str:
        """Whom the provider signed in, as ``issuer/sub``. Raises Refused for anything that does not fit."""
        begun, ended = kept.get("state", "-").encode(), came_back.get("state", "").encode()
        if not came_back.get("code") or not secrets.compare_digest(ended, begun):
            raise Refused("unauthorised", "the sign-in was not finished, or was begun in another browser: begin again")
        said, keys = self._discovered()
        try:
            token = self._session().fetch_token(
                said["token_endpoint"], code=came_back["code"], code_verifier=kept["verifier"], timeout=_SECONDS
            )
            claims = jwt.decode(token["id_token"], keys, algorithms=_ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                leeway=60,
                iss={"essential": True, "value": said["issuer"]},
                aud={"essential": True, "value": self._provider.client_id},
                sub={"essential": True},
                exp={"essential": True},
                nonce={"essential": True, "value": kept["nonce"]},
            ).validate(claims)
        except (AuthlibBaseError, JoseError, RequestException, KeyError, ValueError) as error:
            self._said = None  # its keys may have changed
            raise Refused("unauthorised", "the provider's answer does not hold: begin again") from error
        return f"{claims['iss'].rstrip('/')}/{claims['sub']}"

    def _session(self) -> OAuth2Session:
        provider = self._provider
        return OAuth2Session(
            provider.client_id,
            provider.client_secret,
            scope="openid",
            redirect_uri=provider.called_back_at,
            code_challenge_method="S256",
        )

    def _discovered(self) -> tuple[dict[str, Any], KeySet]:
        """What the provider says of itself, and its keys."""
        with self._turn:
            if self._said is None or time.monotonic() - self._said[0] > _KEPT_SECONDS:
                issuer = self._provider.issuer.rstrip("/")
                try:
                    with self._session() as asking:
                        where = f"{issuer}/.well-known/openid-configuration"
                        said = asking.get(where, withhold_token=True, timeout=_SECONDS).json()
                        keys = asking.get(said["jwks_uri"], withhold_token=True, timeout=_SECONDS).json()
                    if said["issuer"].rstrip("/") != issuer:
                        raise ValueError("another issuer")
                    self._said = (time.monotonic(), said, KeySet.import_key_set(keys))
                except (RequestException, JoseError, KeyError, ValueError) as error:
                    raise Refused("not-ready", "the sign-in provider cannot be reached: use a password") from error
            return self._said[1], self._said[2]
