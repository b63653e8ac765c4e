"""Run a command with the settings of a production installation, every secret made on the spot.

python script/production_settings.py COMMAND ARGS...    DATABASE_URL and REDIS_URL come from outside
"""

import base64
import os
import secrets
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def settings() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "ENVIRONMENT": "production",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "TOKEN_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "IDP_OIDC_PRIVATE_KEY": key.decode(),
        "ALLOWED_HOSTS": "offpeak.utility.example",
        "BASE_URL": "https://offpeak.utility.example",
        "UTILITY_NAME": "Example Utility",
        "EMAIL_URL": "smtp+tls://user:password@mail.utility.example:587",
        "DEFAULT_FROM_EMAIL": "programs@utility.example",
        "CARRIER_BASE_URL": "https://api.carrier.example",
        "CARRIER_AUTHORIZE_URL": "https://login.carrier.example/authorize",
        "CARRIER_TOKEN_URL": "https://login.carrier.example/token",
        "CARRIER_CLIENT_ID": "offpeak",
        "CARRIER_CLIENT_SECRET": secrets.token_urlsafe(32),
    }


if __name__ == "__main__":
    # What a developer has set for the demo must not leak into the picture of production.
    outside = {k: v for k, v in os.environ.items() if k != "SIMULATED_CLOCK_FILE"}
    os.execvpe(sys.argv[1], sys.argv[1:], {**outside, **settings()})  # noqa: S606
