"""The WebSocket side of the chat."""
