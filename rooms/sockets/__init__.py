"""The WebSocket: one consumer, and what each command does."""
