"""The wire: one class per command and per event. The only place where a frame's shape is known.

Knows nothing of sockets, models or authorization. docs/protocol.md is generated from the docstrings here.
"""
