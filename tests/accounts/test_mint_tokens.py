"""`manage.py mint_tokens`: as many good tokens as asked for, one a line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts import authentication
from accounts.models import SignIn

pytestmark = pytest.mark.django_db


def minted(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("mint_tokens", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_each_token_signs_its_own_user_in() -> None:
    names = [authentication.by_token(token).user.username for token in minted("--count", "3")]
    assert names == ["load-1", "load-2", "load-3"]


def test_a_second_run_serves_the_same_users() -> None:
    first, second = minted("--count", "2", "--prefix", "stress"), minted("--count", "2", "--prefix", "stress")
    for token, other in zip(first, second, strict=True):
        assert authentication.by_token(token).user == authentication.by_token(other).user


def test_no_device_is_written_down() -> None:
    minted("--count", "2")
    assert not SignIn.objects.exists()


@pytest.mark.parametrize("count", ["0", "-1"])
def test_a_count_below_one_is_refused(count: str) -> None:
    with pytest.raises(CommandError):
        minted("--count", count)
