"""The faults, F1 to F34, by what they are done to. Importing a module enters its scenarios."""
