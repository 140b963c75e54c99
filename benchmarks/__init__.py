"""Measurements. Each module is one and can be run alone; `make bench` runs all and writes docs/performance.md."""
