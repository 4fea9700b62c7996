"""Events as the API lists them."""
