"""The cases, each in a module of its own."""
