"""Requests made up from the API definition: none may break the server or be answered otherwise than
it says."""
