"""Evidence packages of cases, made from what their reader may see."""
