"""What energy costs: contract terms and the price of each quarter-hour; plain rules without Django."""
