"""The API users of a shortcode: who may reverse, pay out and ask, and the certificate that seals their passwords."""
