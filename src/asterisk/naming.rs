//! How our channels and bridges are named at Asterisk, and read back.
