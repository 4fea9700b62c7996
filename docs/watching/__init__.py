"""Pictures of the dashboards, drawn from a stack under load: `make pictures`."""
