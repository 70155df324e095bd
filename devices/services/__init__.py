"""Every write of the device registry, by subject: registry, keys, channels, presence, swaps."""
