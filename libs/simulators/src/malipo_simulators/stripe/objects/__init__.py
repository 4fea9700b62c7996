"""The objects of the API: what is remembered of each, and the JSON it is shown as."""
