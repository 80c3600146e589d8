//! dialbridge: a click-to-call daemon for Asterisk.
