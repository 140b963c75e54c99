"""What tests of REST share: posting JSON, and what a refusal looks like."""

from typing import Any

from django.test import Client


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def refused(response: Any, status: int, code: str) -> bool:
    """Whether this is a refusal of this status and code, with a text."""
    answer = response.json()
    return (response.status_code, answer["code"]) == (status, code) and bool(answer["error"])
