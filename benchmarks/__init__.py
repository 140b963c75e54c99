"""Measurements. Each module is one, runnable by itself; `make bench` runs all and writes docs/performance.md."""
