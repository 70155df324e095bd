"""A person's own data: handed out whole, and forgotten on request."""
