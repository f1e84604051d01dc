"""Cases: what people do about what was found, from opening to closing."""
