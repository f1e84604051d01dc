"""What bytes mean: pure functions and state machines from lines and records to columns and rows."""
