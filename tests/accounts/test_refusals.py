"""Pages for too many tries: a sentence, a status and the time to wait."""

import pytest
from django.test import Client, RequestFactory
from django.utils.translation import override

from accounts.models import User
from accounts.refusals import RefusalPages, sentence
from rooms.errors import RateLimited
from tests.support.factories import make_user


@pytest.mark.parametrize(
    ("wait_ms", "said"),
    [
        (None, "1 second."),
        (1, "1 second."),
        (1_001, "2 seconds."),
        (59_000, "59 seconds."),
        (60_000, "1 minute."),
        (60_001, "2 minutes."),
        (900_000, "15 minutes."),
    ],
)
def test_the_sentence_says_when_the_next_try_counts(wait_ms: int | None, said: str) -> None:
    assert sentence(RateLimited(retry_after_ms=wait_ms)) == f"Too many attempts. Try again in {said}"


def test_it_is_translated() -> None:
    with override("zh-hans"):
        assert sentence(RateLimited(retry_after_ms=5_000)) == "尝试次数过多。请在 5 秒后重试。"


def test_other_faults_are_left_to_others() -> None:
    assert RefusalPages(lambda _: None).process_exception(RequestFactory().get("/"), ValueError()) is None  # type: ignore[arg-type]


@pytest.mark.django_db
def test_a_form_of_the_admin_that_gets_no_turn_at_hashing_is_answered_with_a_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admin, alice = make_user("admin", is_staff=True, is_superuser=True), make_user("alice")

    def busy(*_: object) -> str:
        raise RateLimited(retry_after_ms=5_000)

    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.encode", busy)
    client = Client()
    client.force_login(admin)
    fields = {"password1": "a-new-way-home", "password2": "a-new-way-home", "usable_password": "true"}
    page = client.post(f"/admin/chat_accounts/user/{alice.pk}/password/", fields)
    assert (page.status_code, page["Retry-After"]) == (429, "5")
    assert "Try again in 5 seconds" in page.content.decode()
    assert User.objects.get(pk=alice.pk).password == alice.password
