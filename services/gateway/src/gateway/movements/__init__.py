"""What has moved the balances of merchants' accounts at their providers: fees, net amounts, and the report of a day."""
