"""Telling people, in a form that can be read at 3 a.m. on a phone."""
