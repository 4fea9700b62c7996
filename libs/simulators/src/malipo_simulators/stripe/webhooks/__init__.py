"""Events, endpoints and signatures as Stripe makes them."""
