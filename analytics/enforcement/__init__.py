"""From the small loop to the large: who offends again and again, and where to stand and wait."""
