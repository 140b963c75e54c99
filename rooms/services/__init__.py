"""Every write use case of rooms, by subject, and the reads that must be in step with them. Plain sync functions.

The socket, REST and the admin call the same ones. Each is its own transaction; what it changed is published after the
commit.
"""
