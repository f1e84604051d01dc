"""Cases over HTTP: lists, steps, photos, the inbox, and the page for phones."""
