"""What every request passes: it knows no payment."""
