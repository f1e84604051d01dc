"""Who asks: credentials, accounts, tokens, and the reader that they make."""
