"""Helpers that every chapter uses: checks of parameters, errors, optional libraries, threads, protocols."""
