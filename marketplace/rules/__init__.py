"""What is computed without a database: prices of parts, claims, delivery, forecasts."""
