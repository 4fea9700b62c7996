"""Methods that payments have saved for later ones: read and listed, and found for those."""
