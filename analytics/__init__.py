"""Rules as pure kernels: sorted columns in, events with evidence out."""
