"""A merchant that receives webhooks: verifies, remembers, and misbehaves on request."""
