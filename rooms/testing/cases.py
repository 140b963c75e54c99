"""Django's test cases with `self.chat_client(user)`, which closes at the end of the test what it opened."""

from typing import Any

from django.test import SimpleTestCase, TestCase, TransactionTestCase

from rooms.testing.client import ChatClient


class _WithChat(SimpleTestCase):
    def chat_client(self, user: Any = None, **how: Any) -> ChatClient:
        """A `ChatClient` to use in a `with` block, or to `connect`."""
        client = ChatClient(user, **how)
        self.addCleanup(client.close)
        return client


class ChatTestCase(_WithChat, TestCase):
    """Everything in the transaction of the test, which is rolled back."""


class ChatTransactionTestCase(_WithChat, TransactionTestCase):
    """For code that needs real commits."""
