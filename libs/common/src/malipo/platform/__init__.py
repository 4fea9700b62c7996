"""What every process needs around its work: settings, logs, health, metrics, traces, secrets, HTTP."""
