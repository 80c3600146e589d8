//! Dial strings: a template of the directory with a clean number filled in.
