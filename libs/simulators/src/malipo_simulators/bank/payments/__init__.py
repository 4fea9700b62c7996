"""Credit transfers: ordered, held, carried out, returned; by themselves, by hand or by script."""
