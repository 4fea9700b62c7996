"""Benchmarks: what one payment costs and how long it takes, on the whole real system. See docs/benchmarks.md."""
