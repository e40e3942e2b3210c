"""JSON Web Tokens with HS256: all that the Config Service and the agent use."""

import base64
import hashlib
import hmac
import json
import time


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _mac(secret, text):
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def issue(claims, secret):
    parts = [_encode(json.dumps(part, separators=(",", ":")).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    text = ".".join(parts)
    return f"{text}.{_encode(_mac(secret, text))}"


def claims_of(token, secret, audience):
    """The claims of a token that is valid now; None for any other."""
    try:
        head, body, mac = token.split(".")
        if json.loads(_decode(head)).get("alg") != "HS256" or not hmac.compare_digest(_decode(mac), _mac(secret, f"{head}.{body}")):
            return None
        claims = json.loads(_decode(body))
    except (ValueError, AttributeError):
        return None
    return claims if claims.get("aud") == audience and claims.get("exp", 0) > time.time() else None
