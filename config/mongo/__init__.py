"""What Django needs on MongoDB: its own apps with keys that are ObjectIds, their migrations, and the engine."""
