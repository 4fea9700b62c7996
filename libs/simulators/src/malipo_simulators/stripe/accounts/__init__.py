"""The account itself and its balance."""
