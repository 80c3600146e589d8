"""Verifies signed messages with the reference library for Python.

Reads one JSON object per line from stdin: {"secret", "headers", "body"} with the body in base64.
Writes "ok" or "refused" per line.
"""

import base64
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    message = json.loads(line)
    try:
        Webhook(message["secret"]).verify(base64.b64decode(message["body"]), message["headers"])
        print("ok")
    except WebhookVerificationError:
        print("refused")
