"""What was booked on an account on one of the bank's days."""
