"""Rooms and messages over HTTP: the same services, rules and message shape as over the socket."""
