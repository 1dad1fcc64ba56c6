"""Parquet and Arrow files: tables -> sentences, many at once."""
