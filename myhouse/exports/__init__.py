"""What is shown, as CSV and Excel."""
