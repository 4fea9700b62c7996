"""M-Pesa Express, the STK push: a prompt on the customer's phone, its outcome, its callback, its query, the phone page."""
