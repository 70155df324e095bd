"""Workers and web servers as processes of their own, on a Valkey that is killed under them."""
