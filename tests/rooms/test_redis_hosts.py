"""Which Redis servers a text means, what is wrong with others, and that channels-redis agrees who has which topic."""

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.test import override_settings

from rooms.checks import settings_are_right
from rooms.conf import SETTINGS, conf
from rooms.live.topics import of_room
from rooms.redis_hosts import Ring, parse

SECRET = "a-secret"


@pytest.mark.parametrize("nothing", ["", "  ", []])
def test_no_url_is_no_server(nothing: str | list[str]) -> None:
    assert parse(nothing) == []


def test_urls_stand_for_themselves_one_or_several() -> None:
    urls = [
        "redis://:p%2C@one:6380/1?socket_timeout=3",
        "rediss://two?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis?db=2",
    ]
    assert parse(urls) == parse(", ".join(urls)) == parse(",".join(urls)) == [{"address": url} for url in urls]


def test_sentinel_names_the_servers_of_a_service() -> None:
    [host, other] = parse(
        "redis+sentinel://user:p%40ss@one:26380,two,[::1]:26381/chat/3?sentinel_password=own&socket_timeout=4,redis://three"
    )
    assert host == {
        "master_name": "chat",
        "sentinels": [("one", 26380), ("two", 26379), ("::1", 26381)],
        "sentinel_kwargs": {"socket_timeout": 2.0, "socket_connect_timeout": 2.0, "password": "own"},
        "username": "user",
        "password": "p@ss",
        "db": 3,
        "socket_timeout": 4.0,
    }
    assert other == {"address": "redis://three"}


def test_sentinel_with_tls_has_it_to_both() -> None:
    [host] = parse("rediss+sentinel://one/chat?ssl_ca_certs=/etc/ca.pem")
    for options in (host, host["sentinel_kwargs"]):
        assert (options["ssl"], options["ssl_ca_certs"]) == (True, "/etc/ca.pem")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://cache", "must begin with redis://, rediss://, unix://, redis\\+sentinel://"),
        ("cache:6379", "must begin with redis://"),
        ("redis://one,http://two", "must begin with redis://"),
        ("redis://one,two", "must have a scheme for each server of a list: redis://one:6379,redis://two:6379"),
        ("redis://cache:port", "has a port that is no number"),
        (f"redis://:{SECRET}/x@cache", "in a password / is written %2F and @ is %40"),
        (f"redis://:{SECRET}@cache?nonsense=1", "has an option that does not exist: 'nonsense'"),
        ("redis://cache?socket_timeout=soon", "has a wrong option: Invalid value for 'socket_timeout'"),
        ("redis+sentinel://one:26379", "must name the service: redis\\+sentinel://host:26379,host:26379/service/0"),
        ("redis+sentinel://one/chat/zero", "must name the service"),
        ("redis+sentinel://one,:26379/chat", "must have a host for each Sentinel"),
        ("redis+sentinel://one:99999/chat", "has a port that is no number"),
        ("redis+sentinel://one/chat?nonsense=1", "has an option that does not exist: 'nonsense'"),
    ],
)
def test_a_wrong_url_is_refused_with_a_sentence_that_holds_no_password(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        parse(url)
    assert SECRET not in str(refused.value)


def test_a_project_sets_one_url_or_a_list() -> None:
    for value in ("redis://one,redis://two", ["redis://one", "redis://two"]):
        with override_settings(CHAT_REDIS_URL=value):
            assert conf.CHAT_REDIS_URL == [{"address": "redis://one"}, {"address": "redis://two"}]
            assert SETTINGS["CHAT_REDIS_URL"].problem(value) is None


@pytest.mark.parametrize("value", ["http://one", 7, [7]])
def test_a_wrong_setting_is_a_problem(value: object) -> None:
    assert "must be" in SETTINGS["CHAT_REDIS_URL"].problem(value)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_a_topic_has_the_server_that_channels_redis_gives_its_group(size: int) -> None:
    hosts = [f"redis://host-{number}" for number in range(size)]
    layer = RedisPubSubChannelLayer(hosts=hosts, prefix="chat")._get_layer()
    ring = Ring("chat", size)
    found = []
    for room in range(500):
        shard = layer._get_shard(layer._get_group_channel_name(of_room(room)))
        found.append(layer._shards.index(shard))
    assert [ring.shard(of_room(room)) for room in range(500)] == found
    assert set(found) == set(range(size)), "every server has some"


def test_the_check_of_settings_does_not_show_the_password() -> None:
    with override_settings(CHAT_REDIS_URL=f"redis://:{SECRET}@cache?nonsense=1"):
        [message] = settings_are_right()
    assert message.msg == "CHAT_REDIS_URL has an option that does not exist: 'nonsense'."
