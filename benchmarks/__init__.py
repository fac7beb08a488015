"""Benchmarks: what one isolated call costs, beside the floor of the machine, isolated peers, and flyte's own local mode."""
