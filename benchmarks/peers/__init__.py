"""The same work without an engine: bare forks, process pools, joblib. Each prints the seconds a call as one JSON list."""
