"""One ordinary Flyte program a workload: it times its own calls, so every engine that runs it measures the same thing."""
