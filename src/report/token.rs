//! `$name$` placeholders, expanded once, in one pass.
