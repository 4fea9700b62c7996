"""What a shortcode has: asked over the API, and taken to its bank by hand."""
