"""Puts other job queues, and this one, through the same faults, and writes the same table: make chaos-peers."""
