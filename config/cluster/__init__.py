"""Real servers on this machine's loopback, for tests, benchmarks and `make run-cluster`: one code starts them all."""
