"""3DS: the page where customers show who they are."""
