"""An example of a user's own heavy work: posts what happens to payments to an ERP, as a consumer of its own."""
