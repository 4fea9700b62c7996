"""What every simulator is built upon: nothing in here knows any provider."""
