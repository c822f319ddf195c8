"""What observers make of the engine's events: logs, traces, metrics, health, the request log."""
