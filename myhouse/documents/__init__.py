"""How documents are written: ids, `atomic`, idempotency records, the outbox and the audit log."""
