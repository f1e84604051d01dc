"""Styles of layers in the languages of the programs that draw them, from their declarations."""
